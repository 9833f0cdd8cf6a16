/* SPDX-License-Identifier: MIT */
/* TinyMPC on the board: its own iteration, set up from tables that the host has computed. */

#include "rho_benchmark.hpp"
#include "admm.hpp"

#include "rival.h"
#include "tables.h"

#define KNOTS (HORIZON + 1)
#define FREE 1000.0f /* a bound that no variable reaches */

static TinySolution solution;
static TinyCache cache;
static TinySettings settings;
static TinyWorkspace work;
static TinySolver solver = {&solution, &settings, &cache, &work};
static bool is_set_up = false;

/* Its rho stays where it was set, so this is never called. */
void benchmark_rho_adaptation(RhoAdapter *, const tinyMatrix &, const tinyMatrix &,
    const tinyMatrix &, const tinyMatrix &, const tinyMatrix &, const tinyMatrix &, TinyCache *,
    TinyWorkspace *, int, RhoBenchmarkResult *) {
}
void update_matrices_with_derivatives(TinyCache *, tinytype) {
}

template <int rows, int columns> static tinyMatrix matrix(const float (&table)[rows][columns]) {
    tinyMatrix result(rows, columns);
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            result(i, j) = table[i][j];
        }
    }
    return result;
}

static void forget(void) {
    tinyMatrix *by_state[] = {&work.x, &work.q, &work.p, &work.v, &work.vnew, &work.g};
    for (tinyMatrix *each : by_state) {
        each->setZero(STATES, KNOTS);
    }
    tinyMatrix *by_input[] = {&work.u, &work.r, &work.d, &work.z, &work.znew, &work.y};
    for (tinyMatrix *each : by_input) {
        each->setZero(INPUTS, HORIZON);
    }
}

static void set_up(void) {
    work.nx = STATES;
    work.nu = INPUTS;
    work.N = KNOTS;
    cache.rho = RHO;
    cache.Kinf = matrix(gain_table);
    cache.Pinf = matrix(terminal_table);
    cache.Quu_inv = matrix(input_inverse_table);
    cache.AmBKt = matrix(closed_loop_table);
    work.Adyn = matrix(transition_table);
    work.Bdyn = matrix(input_table);
    work.Q = matrix(state_weight_table);
    work.R = matrix(input_weight_table);
    work.x_min.setConstant(STATES, KNOTS, -FREE);
    work.x_max.setConstant(STATES, KNOTS, FREE);
    work.x_min.row(RATE).setZero();
    work.x_max.row(RATE).setOnes();
    work.u_min.setConstant(INPUTS, HORIZON, -FREE);
    work.u_max.setConstant(INPUTS, HORIZON, FREE);
    work.u_min.row(CHANGE).setConstant(-CHANGE_MAX);
    work.u_max.row(CHANGE).setConstant(CHANGE_MAX);
    work.Xref.setZero(STATES, KNOTS);
    work.Uref.setZero(INPUTS, HORIZON);
    settings.abs_pri_tol = settings.abs_dua_tol = TOLERANCE;
    settings.max_iter = ITERATIONS_MAX;
    settings.check_termination = CHECK_EVERY;
    settings.en_state_bound = settings.en_input_bound = 1;
    settings.adaptive_rho = 0;
    forget();
    is_set_up = true;
}

/* state: central, peripheral, disturbance, target, move before. */
static void load(const float state[STATE_SIZE]) {
    const float wanted = state[3] - state[2]; /* of the model's own level */
    for (int knot = 1; knot < KNOTS; knot++) {
        work.x_min(SOFTENED, knot) = wanted + BAND_LOW;
        work.x_max(SOFTENED, knot) = wanted + BAND_HIGH;
    }
    for (int i = 0; i < STATES; i++) {
        work.Xref.row(i).setConstant(wanted * reference_table[i][0]);
        work.Xref(i, HORIZON) = wanted * reference_table[i][1];
    }
    work.x.col(0) << state[0], state[1], state[4], state[0];
}

int rival_solve(const float state[STATE_SIZE], int is_cold, float *first_move) {
    if (!is_set_up) {
        set_up();
    }
    if (is_cold) {
        forget();
    }
    load(state);
    solve(&solver);
    *first_move = state[4] + solution.u(CHANGE, 0);
    return solution.solved ? solution.iter : -solution.iter;
}
