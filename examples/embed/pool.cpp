// A pool of threads that predicts: one model, a predictor for each thread. See README.md.
//
//     c++ -std=c++17 pool.cpp $(pkg-config --cflags --libs dagrad-io) -pthread -o pool && ./pool run
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <dagrad/model.h>
#include <memory>
#include <thread>
#include <vector>

namespace
{
constexpr int rows = 4000, numbers = 9, at_once = 7;

template <auto f> struct Free {
    template <class T> void operator()(T *p) const { f(p); }
};
using Model = std::unique_ptr<dg_model, Free<dg_model_free>>;
using Predictor = std::unique_ptr<dg_predictor, Free<dg_predictor_free>>;

struct Patients {
    std::vector<float> measured;
    std::vector<const char *> sex;
};

// Patients between a healthy one and a sick one.
Patients make_patients()
{
    const float from[numbers] = {25, 19, 70, 120, 60, 60, 2, 4, 75},
                to[numbers] = {75, 38, 120, 250, 180, 30, 7, 5.5f, 110};
    Patients p;
    for (int i = 0; i < rows; i++) {
        for (int k = 0; k < numbers; k++)
            p.measured.push_back(from[k] + (to[k] - from[k]) * float(i) / rows);
        p.sex.push_back(i % 2 ? "1" : "2");
    }
    return p;
}

// Rows first to first + n - 1 into out.
bool predict(dg_predictor *p, const Patients &all, int first, int n, float *out)
{
    dg_rows in[2] = {};
    const int64_t shape[2] = {n, numbers};
    in[0].name = "measured";
    in[0].numbers = {DG_F32, dg_shape_make(2, shape),
                     const_cast<float *>(&all.measured[std::size_t(first) * numbers]),
                     std::size_t(n) * numbers * sizeof(float)};
    in[1].name = "sex";
    in[1].texts = &all.sex[std::size_t(first)];
    in[1].n_texts = n;
    dg_tensor t = {};
    dg_diag why = {};
    if (dg_predict(p, 2, in, &why) != DG_OK || dg_predicted(p, "estimate", &t) != DG_OK)
        return std::fprintf(stderr, "%s\n", why.text), false;
    std::memcpy(out, t.data, t.bytes);
    return true;
}

Predictor new_predictor(dg_model *m)
{
    dg_predictor_options o = {};
    o.size = sizeof o;
    o.threads = 1; // the pool's own threads are all there are
    return Predictor(dg_predictor_new(m, &o));
}

// Takes rows until none is left.
void work(dg_model *m, const Patients &all, std::atomic<int> &next, std::atomic<bool> &good,
          float *out)
{
    Predictor p = new_predictor(m);
    for (int at; p && good && (at = next.fetch_add(at_once)) < rows;)
        if (!predict(p.get(), all, at, at + at_once < rows ? at_once : rows - at, out + at))
            good = false;
    if (!p)
        good = false;
}
} // namespace

int main(int argc, char **argv)
{
    Model m(dg_model_open(argc > 1 ? argv[1] : "run", nullptr));
    dg_diag why = {};
    if (dg_model_status(m.get(), &why) != DG_OK)
        return std::fprintf(stderr, "%s %s\n", why.file, why.text), 1;
    const Patients all = make_patients();
    std::vector<float> one(rows), pool(rows);
    std::vector<std::thread> threads;
    std::atomic<int> next{0};
    std::atomic<bool> good{true};
    const auto start = std::chrono::steady_clock::now();
    for (int k = 0; k < 4; k++)
        threads.emplace_back(work, m.get(), std::cref(all), std::ref(next), std::ref(good),
                             pool.data());
    for (auto &t : threads)
        t.join();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    Predictor alone = new_predictor(m.get());
    if (!good || !alone || !predict(alone.get(), all, 0, rows, one.data()))
        return 1;
    const bool same = std::memcmp(one.data(), pool.data(), rows * sizeof(float)) == 0;
    std::printf("%d rows by 4 threads, %d at once: %s as by one\n", rows, at_once,
                same ? "the same bits" : "OTHER bits");
    std::fprintf(stderr, "%.0f rows a second\n", rows / spent.count());
    return !same;
}
