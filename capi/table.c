// table.c: the one door of the library.
//
// theus_get_api is the only symbol that libtheus exports (theus.map). The compiler checks here
// that each export of the Go side has the type the table gives it, and the header both.
#include "theus.h"

static const theus_api api = {
    .abi_version = THEUS_ABI_VERSION,
    .struct_size = sizeof(theus_api),
    .describe = theus_describe,
    .live = theus_live,
    .error_release = theus_error_release,
    .engine_new = theus_engine_new,
    .engine_close = theus_engine_close,
    .process_register = theus_process_register,
    .process_find = theus_process_find,
    .shape_child = theus_shape_child,
    .shape_items = theus_shape_items,
    .deny = theus_deny,
    .tx_begin = theus_tx_begin,
    .tx_finish = theus_tx_finish,
    .tx_report = theus_tx_report,
    .tx_catch_up = theus_tx_catch_up,
    .tx_applied = theus_tx_applied,
    .tx_retract = theus_tx_retract,
    .stats = theus_stats,
    .path_canonical = theus_path_canonical,
    .path_spell = theus_path_spell,
    .zone_of = theus_zone_of,
    .decide = theus_decide,
    .panic = theus_panic,
    .heavy_scan = theus_heavy_scan,
    .audit_load = theus_audit_load,
    .audit_describe = theus_audit_describe,
    .audit_plan = theus_audit_plan,
    .audit_judge = theus_audit_judge,
    .audit_reset = theus_audit_reset,
    .audit_stopped = theus_audit_stopped,
    .audit_log = theus_audit_log,
    .audit_release = theus_audit_release,
    .learn = theus_learn,
    .learned = theus_learned,
    .built = theus_built,
    .fsm_load = theus_fsm_load,
    .flux_outline = theus_flux_outline,
    .flux_load = theus_flux_load,
    .flux_ask = theus_flux_ask,
    .flux_need_of = theus_flux_need_of,
    .flux_place = theus_flux_place,
    .flux_start = theus_flux_start,
    .flux_step = theus_flux_step,
    .flux_cancel = theus_flux_cancel,
    .flux_loops = theus_flux_loops,
    .flux_holds = theus_flux_holds,
    .flux_release = theus_flux_release,
    .flux_free = theus_flux_free,
    .schema_load = theus_schema_load,
    .schema_describe = theus_schema_describe,
    .schema_judge = theus_schema_judge,
};

const theus_api *theus_get_api(uint32_t abi_version) {
  return abi_version == THEUS_ABI_VERSION ? &api : NULL;
}
