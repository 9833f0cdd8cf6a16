/* SPDX-License-Identifier: MIT */
/* Module `rival` of the benchmark's MicroPython images: a C solver, callable from the board. */

#include "py/obj.h"
#include "py/runtime.h"

#include "rival.h"

static float first_move;

/* solve(states, index, is_cold): solve at state `index` of an array of float32. */
static mp_obj_t solve(mp_obj_t states, mp_obj_t index, mp_obj_t is_cold) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(states, &buffer, MP_BUFFER_READ);
    const float *state = (const float *)buffer.buf + STATE_SIZE * mp_obj_get_int(index);
    return mp_obj_new_int(rival_solve(state, mp_obj_is_true(is_cold), &first_move));
}
static MP_DEFINE_CONST_FUN_OBJ_3(solve_obj, solve);

/* move(): the first move of the last solve, in millionths of the full rate. */
static mp_obj_t move(void) {
    return mp_obj_new_int((mp_int_t)(first_move * 1e6f));
}
static MP_DEFINE_CONST_FUN_OBJ_0(move_obj, move);

static const mp_rom_map_elem_t globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_rival) },
    { MP_ROM_QSTR(MP_QSTR_solve), MP_ROM_PTR(&solve_obj) },
    { MP_ROM_QSTR(MP_QSTR_move), MP_ROM_PTR(&move_obj) },
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t rival_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};
MP_REGISTER_MODULE(MP_QSTR_rival, rival_module);
