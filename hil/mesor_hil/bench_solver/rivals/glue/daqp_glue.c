/* SPDX-License-Identifier: MIT */
/* DAQP on the board: its solver on a least-distance problem that the host has prepared.
   Only the bounds change with the state, and linearly, so a tick shifts and solves. */

#include "daqp.h"
#include "rival.h"
#include "tables.h"

#define ROWS (3 * HORIZON)
#define ACTIVE_MAX (2 * HORIZON + 1) /* as many as moves and soft rows, and one */

static DAQPSettings settings = {
    .primal_tol = DAQP_DEFAULT_PRIM_TOL,
    .dual_tol = DAQP_DEFAULT_DUAL_TOL,
    .zero_tol = DAQP_DEFAULT_ZERO_TOL,
    .pivot_tol = DAQP_DEFAULT_PIVOT_TOL,
    .progress_tol = DAQP_DEFAULT_PROG_TOL,
    .cycle_tol = DAQP_DEFAULT_CYCLE_TOL,
    .iter_limit = DAQP_DEFAULT_ITER_LIMIT,
    .fval_bound = DAQP_INF,
    .sing_tol = DAQP_DEFAULT_SING_TOL,
    .refactor_tol = DAQP_DEFAULT_REFACTOR_TOL,
};
static float upper[ROWS], lower[ROWS], linear[HORIZON];
static float point[HORIZON], point_before[HORIZON], products[2 * HORIZON];
static float multipliers[ACTIVE_MAX], stationary[ACTIVE_MAX];
static float factor[ACTIVE_MAX * (ACTIVE_MAX + 1) / 2], diagonal[ACTIVE_MAX];
static float substituted[ACTIVE_MAX], scaled[ACTIVE_MAX];
static int sense[ROWS], working_set[ACTIVE_MAX];

static DAQPWorkspace work = {
    .n = HORIZON,
    .m = ROWS,
    .ms = HORIZON,
    .M = (float *)rows_table,
    .Rinv = (float *)inverse_factor_table,
    .scaling = (float *)scaling_table,
    .rho_ls = (float *)softness_table,
    .rho_us = (float *)softness_table,
    .dupper = upper,
    .dlower = lower,
    .v = linear,
    .sense = sense,
    .x = point,
    .xold = point_before,
    .lam = multipliers,
    .lam_star = stationary,
    .u = point, /* in place, as DAQP's own set-up does */
    .Mu = products,
    .L = factor,
    .D = diagonal,
    .xldl = substituted,
    .zldl = scaled,
    .WS = working_set,
    .sing_ind = DAQP_EMPTY_IND,
    .settings = &settings,
    .state = DAQP_STATE_RINV_NORMALIZED,
};

static float at_state(const float table[STATE_SIZE], const float state[STATE_SIZE]) {
    float sum = 0;
    for (int i = 0; i < STATE_SIZE; i++) {
        sum += table[i] * state[i];
    }
    return sum;
}

static void forget(void) {
    for (int row = 0; row < ROWS; row++) {
        sense[row] = row < 2 * HORIZON ? 0 : DAQP_SOFT;
    }
    reset_daqp_workspace(&work);
}

int rival_solve(const float state[STATE_SIZE], int is_cold, float *first_move) {
    if (is_cold) {
        forget();
    }
    for (int row = 0; row < ROWS; row++) {
        const float shift = at_state(shift_table[row], state);
        upper[row] = upper_table[row] + shift;
        lower[row] = lower_table[row] + shift;
    }
    for (int i = 0; i < HORIZON; i++) {
        linear[i] = at_state(linear_table[i], state);
    }
    work.reuse_ind = 0;
    const int outcome = daqp_ldp(&work);
    ldp2qp_solution(&work);
    *first_move = point[0];
    return outcome > 0 ? work.iterations : -work.iterations;
}
