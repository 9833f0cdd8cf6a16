/* SPDX-License-Identifier: MIT */
/* OSQP on the board: the workspace that its own code generation wrote, updated by the state. */

#include <string.h>

#include "osqp.h"
#include "rival.h"
#include "workspace.h"

typedef struct {
    unsigned char row, entry; /* what entry of the state adds to what row */
    float factor;
} term;

#include "tables.h"

#define COUNT(array) (sizeof(array) / sizeof(array[0]))

static float linear[VARIABLES], lower[ROWS], upper[ROWS];

static void load(const float state[STATE_SIZE]) {
    memset(linear, 0, sizeof(linear));
    memcpy(lower, lower_table, sizeof(lower));
    memcpy(upper, upper_table, sizeof(upper));
    for (unsigned i = 0; i < COUNT(linear_terms); i++) {
        const term *t = &linear_terms[i];
        linear[t->row] += t->factor * state[t->entry];
    }
    for (unsigned i = 0; i < COUNT(bound_terms); i++) {
        const term *t = &bound_terms[i];
        const float shift = t->factor * state[t->entry];
        lower[t->row] += shift;
        upper[t->row] += shift;
    }
}

int rival_solve(const float state[STATE_SIZE], int is_cold, float *first_move) {
    load(state);
    if (is_cold) {
        osqp_cold_start(&solver);
    }
    osqp_update_data_vec(&solver, linear, lower, upper);
    osqp_solve(&solver);
    *first_move = solver.solution->x[0];
    const int iterations = solver.info->iter;
    return solver.info->status_val == OSQP_SOLVED ? iterations : -iterations;
}
