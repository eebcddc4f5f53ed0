// rest.c: a run that left nothing behind is not taken apart. Its scope, its core and the view of its
// context lie with the process until that runs again, which saves a third of what an empty one costs.
//
//   begin ──> the process runs ──> finish          as always: scope.c
//     ^                              |
//     +──── resume <── at rest <─────+             nothing written, nothing kept, nobody asked
//
// At rest the view is stale like any other whose run has ended, and the core is empty: nothing of the
// state is held, and who finds these objects through gc finds what every run leaves.
//
// Ownership rules: the process owns the view, the view the scope, the scope the core. The node of the
// root belongs to the core, outside of its table.
//
// Calls that run Python code: rest_keep, where it lets go of the views of the layers.
#include "ext.h"

scope *rest_resume(engine *e, process *p, PyObject **ctx) {
  view *v = p->rest;
  if (p->lease != e->leases || PyList_GET_SIZE(e->listeners) > 0 || !engine_works(e) ||
      !scope_is_outside(e))
    return NULL;
  if (Py_REFCNT((PyObject *)v) != 1) { // somebody found it through gc: for him it stays stale
    rest_drop(p);
    return NULL;
  }
  scope *s = v->scope;
  core *c = s->core;
  p->rest = NULL;
  core_put_root(c, p->rest_root, e->ctx);
  v->node = p->rest_root;
  v->node->views = v;
  v->shape = s->root = p->root;
  s->views = v;
  s->engine = (engine *)Py_NewRef((PyObject *)e);
  s->proc = (process *)Py_NewRef((PyObject *)p);
  s->ending = false;
  c->live_views = 1;
  c->innermost = s;
  scope_start(s, e, p->reader, false);
  *ctx = (PyObject *)v;
  return (scope *)Py_NewRef((PyObject *)s);
}

// Whether the run has nothing to tell and holds nothing but its context.
static bool is_bare(const scope *s) {
  const core *c = s->core;
  return s->engine != NULL && c->innermost == s && c->writes == NULL && c->busy == 0 &&
         s->judged == 0 && s->notes == NULL && s->models == NULL && s->n_lent == 0 &&
         s->local == NULL && s->log == NULL && s->twins == NULL && !s->doomed &&
         s->proc->rest == NULL && scope_is_quiet(s);
}

bool rest_keep(scope *s, PyObject *ctx) {
  view *v = (view *)ctx;
  if (v->scope != s || !is_bare(s))
    return false;
  bool looked = s->layers[0].name != NULL; // then there are views to let go: user code may run
  s->ending = true;
  scope_forget_layers(s);
  core *c = s->core;
  node *root = v->node;
  if ((looked && !is_bare(s)) || Py_REFCNT(ctx) != 1 || root == NULL || s->views != v || c->live_views != 1 ||
      c->used != 1 || root->pending != NULL || c->point != NULL || c->n_dirty != 0)
    return false; // the long way goes on from here: its end has begun
  engine *e = s->engine;
  process *p = s->proc;
  v->node = NULL;
  s->views = NULL;
  c->live_views = 0;
  c->innermost = NULL;
  scope_stop(c, e);
  s->engine = NULL;
  s->proc = NULL;
  core_take_root(c, root);
  reads_clear(c);
  p->rest = v;
  p->rest_root = root;
  Py_DECREF((PyObject *)s);
  Py_DECREF((PyObject *)p); // the caller has both
  Py_DECREF((PyObject *)e);
  return true;
}

void rest_drop(process *p) {
  view *v = p->rest;
  if (v == NULL)
    return;
  p->rest = NULL;
  core_keep_node(v->scope->core, p->rest_root);
  Py_DECREF((PyObject *)v);
}
