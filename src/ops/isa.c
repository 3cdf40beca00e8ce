/* Instruction sets: which tables there are, and the choice among them. */
#include "ops/isa.h"
#include "kernels/table.h"

#include <dagrad/dagrad.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const dg_math *const dg_math_table_f32_portable[], *const dg_math_table_f64_portable[];
extern const dg_step_kernels dg_step_kernels_f32_portable, dg_step_kernels_f64_portable;

static const dg_isa portable = {
    .name = "portable",
    .math = {dg_math_table_f32_portable, dg_math_table_f64_portable},
    .step = {&dg_step_kernels_f32_portable, &dg_step_kernels_f64_portable}};

const dg_isa *dg_isa_portable(void)
{
    return &portable;
}

#if defined(__x86_64__)
#include <cpuid.h>

extern const dg_math *const dg_math_table_f32_v4[], *const dg_math_table_f64_v4[];
extern const dg_math *const dg_math_table_f32_v3[], *const dg_math_table_f64_v3[];
extern const dg_step_kernels dg_step_kernels_f32_v4, dg_step_kernels_f64_v4;
extern const dg_step_kernels dg_step_kernels_f32_v3, dg_step_kernels_f64_v3;

static const dg_isa v4 = {.name = "x86-64-v4",
                          .math = {dg_math_table_f32_v4, dg_math_table_f64_v4},
                          .step = {&dg_step_kernels_f32_v4, &dg_step_kernels_f64_v4}};
static const dg_isa v3 = {.name = "x86-64-v3",
                          .math = {dg_math_table_f32_v3, dg_math_table_f64_v3},
                          .step = {&dg_step_kernels_f32_v3, &dg_step_kernels_f64_v3}};

/* Those of v3 that not every compiler lets __builtin_cpu_supports ask for. */
static int has_movbe_f16c_lzcnt(void)
{
    enum { MOVBE = 1 << 22, F16C = 1 << 29, LZCNT = 1 << 5 };
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & MOVBE) || !(c & F16C))
        return 0;
    return __get_cpuid(0x80000001U, &a, &b, &c, &d) && (c & LZCNT);
}

/* __builtin_cpu_supports also asks whether the system saves the wide registers. */
static int has_v3(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           has_movbe_f16c_lzcnt();
}

static int has_v4(void)
{
    return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

const dg_isa *dg_isa_v4(void)
{
    return has_v4() ? &v4 : NULL;
}

const dg_isa *dg_isa_v3(void)
{
    return has_v3() ? &v3 : NULL;
}

#else

const dg_isa *dg_isa_v4(void)
{
    return NULL;
}

const dg_isa *dg_isa_v3(void)
{
    return NULL;
}

#endif

const dg_isa *dg_isa_at(int k)
{
    const dg_isa *all[] = {dg_isa_v4(), dg_isa_v3(), dg_isa_portable()};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] && k-- == 0)
            return all[i];
    return NULL;
}

const char *dg_isa_name(int k)
{
    const dg_isa *isa = dg_isa_at(k);
    return isa ? isa->name : NULL;
}

static const dg_isa *refuse(const char *name, int from_environment, dg_diag *why)
{
    char list[64] = "";
    const dg_isa *isa;
    for (int k = 0; (isa = dg_isa_at(k)); k++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", k > 0 ? ", " : "", isa->name);
    }
    dg_diag_set(why, DG_EUSAGE, "%sno instruction set '%.60s' here, there is: %s",
                from_environment ? "DAGRAD_ISA: " : "", name, list);
    return NULL;
}

const dg_isa *dg_isa_choose(const char *name, dg_diag *why)
{
    int from_environment = !name;
    if (!name)
        name = getenv("DAGRAD_ISA");
    if (!name || (from_environment && !*name))
        return dg_isa_at(0);
    const dg_isa *isa;
    for (int k = 0; (isa = dg_isa_at(k)); k++)
        if (strcmp(isa->name, name) == 0)
            return isa;
    return refuse(name, from_environment, why);
}
