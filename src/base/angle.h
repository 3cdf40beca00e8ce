/* Reduction of large angles for sin and cos. */
#ifndef DG_BASE_ANGLE_H
#define DG_BASE_ANGLE_H

/* For finite |x| >= 2^27: r = high + low = x - n pi/2 with |r| <= pi/4 (a little above by
 * rounding), to about 100 bits. Returns n mod 4 (0 to 3). */
int dg_reduce_angle(double x, double *high, double *low);

#endif
