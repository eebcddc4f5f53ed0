package guard_test

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/path"
)

func attr(name string) path.Segment { return path.Segment{Kind: path.Attr, Name: name} }
func key(name string) path.Segment  { return path.Segment{Kind: path.Text, Name: name} }

func child(t testing.TB, shapes *guard.Shapes, of guard.Shape, seg path.Segment) guard.Shape {
	t.Helper()
	c, err := shapes.Child(of.ID, seg)
	require.NoError(t, err)
	return c
}

// Both spellings of a layer are one shape, and say which layer it is; a key is no layer.
func TestLayers(t *testing.T) {
	shapes := guard.NewShapes()
	root := shapes.Root(contract.Everything("edit"))
	domain := child(t, shapes, root, attr("domain"))
	require.Equal(t, guard.LayerDomain, domain.Layer)
	require.Equal(t, domain, child(t, shapes, root, attr("domain_ctx")))
	require.Equal(t, guard.LayerGlobal, child(t, shapes, root, attr("global")).Layer)
	require.Equal(t, guard.LayerNone, child(t, shapes, root, key("domain")).Layer)
	require.Equal(t, guard.LayerNone, child(t, shapes, domain, attr("domain")).Layer)
}

// A dict of a million keys below an output has as many shapes as an empty one.
func TestManyKeysFewShapes(t *testing.T) {
	shapes := guard.NewShapes()
	root := shapes.Root(compile(t, "p", "domain.d", "domain.accounts.*.balance"))
	domain := child(t, shapes, root, attr("domain"))
	d := child(t, shapes, domain, attr("d"))
	accounts := child(t, shapes, domain, attr("accounts"))
	one := child(t, shapes, accounts, key("0"))
	for i := range 10_000 {
		name := fmt.Sprint(i)
		require.Equal(t, d, child(t, shapes, d, key(name)))
		require.Equal(t, one, child(t, shapes, accounts, key(name)))
		child(t, shapes, d, key("sig_"+name))
		child(t, shapes, domain, attr("no_"+name))
		child(t, shapes, domain, attr("_no_"+name))
	}
	require.LessOrEqual(t, count(shapes), 10)
}

func count(shapes *guard.Shapes) int {
	n := 0
	for {
		if _, ok := shapes.Get(guard.ID(n + 1)); !ok {
			return n
		}
		n++
	}
}

// Items share one answer unless a declared path singles one out; a zone prefix is asked for anyway.
func TestItemsVary(t *testing.T) {
	shapes := guard.NewShapes()
	root := shapes.Root(compile(t, "p", "domain.list[3]", "domain.all.*.x", "domain.d.k", "domain.e.sig_k"))
	domain := child(t, shapes, root, attr("domain"))
	for name, varies := range map[string]bool{"list": true, "all": false, "d": true, "e": false, "none": false} {
		at := child(t, shapes, domain, attr(name))
		require.Equal(t, varies, at.Flags&guard.ItemsVary != 0, name)
		_, err := shapes.Items(at.ID)
		require.Equal(t, varies, err != nil, name)
	}
}

// Private is what an attribute is called, not where it lies, and no key is private.
func TestPrivate(t *testing.T) {
	shapes := guard.NewShapes()
	root := shapes.Root(compile(t, "p", "domain"))
	domain := child(t, shapes, root, attr("domain"))
	hidden := child(t, shapes, domain, attr("_x"))
	require.Equal(t, guard.MayRead|guard.MayWrite|guard.IsPrivate, hidden.Bits)
	require.Equal(t, guard.MayRead|guard.MayWrite, child(t, shapes, hidden, attr("y")).Bits)
	require.Equal(t, guard.MayRead|guard.MayWrite, child(t, shapes, domain, key("_x")).Bits)
}

// What is no shape, or no segment, is refused.
func TestInvalid(t *testing.T) {
	shapes := guard.NewShapes()
	for _, id := range []guard.ID{0, 1, math.MaxUint32} {
		_, ok := shapes.Get(id)
		require.False(t, ok)
		_, err := shapes.Child(id, attr("x"))
		require.ErrorIs(t, err, fault.Invalid)
		_, err = shapes.Items(id)
		require.ErrorIs(t, err, fault.Invalid)
		_, err = shapes.At(id, nil)
		require.ErrorIs(t, err, fault.Invalid)
	}
	root := shapes.Root(contract.Everything("edit"))
	for _, kind := range []path.Kind{0, 7, 255} {
		_, err := shapes.Child(root.ID, path.Segment{Kind: kind})
		require.ErrorIs(t, err, fault.Invalid)
	}
}

// Whoever asks first, all get the same shapes.
func TestConcurrent(t *testing.T) {
	shapes := guard.NewShapes()
	p := compile(t, "p", "domain.a.b.c", "domain.*.b.d", "domain.x")
	var all sync.WaitGroup
	answers := make([][]guard.Shape, 8)
	for i := range answers {
		all.Go(func() {
			for _, text := range []string{"domain.a.b.c", "domain.q.b.d.e", "domain.x[3]", "domain.sig_x", "other"} {
				where, err := path.Parse(text)
				if err != nil {
					t.Error(err)
					return
				}
				at, err := shapes.At(shapes.Root(p).ID, where)
				if err != nil {
					t.Error(err)
				}
				answers[i] = append(answers[i], at)
			}
		})
	}
	all.Wait()
	for _, a := range answers {
		require.Equal(t, answers[0], a)
	}
}
