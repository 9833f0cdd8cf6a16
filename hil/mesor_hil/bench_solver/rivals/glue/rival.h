/* SPDX-License-Identifier: MIT */
/* What every rival offers to the board: one state in, the first move out. */

#ifndef MESOR_RIVAL_H
#define MESOR_RIVAL_H

#define STATE_SIZE 5 /* central, peripheral, disturbance (10 mg/L), target, move before */

#ifdef __cplusplus
extern "C" {
#endif

/* Solves at `state` and returns the iterations it took, negative where it gave up.
   is_cold: forget the solve before; else start from it, as a tick does. */
int rival_solve(const float state[STATE_SIZE], int is_cold, float *first_move);

#ifdef __cplusplus
}
#endif

#endif
