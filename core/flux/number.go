package flux

import (
	"math"
	"math/big"
	mathbits "math/bits"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// maxBits bounds a number: what is larger is refused before it is computed.
const maxBits = 1 << 15

// number makes an integer of True and False, and leaves the rest as it is.
func number(v starlark.Value) starlark.Value {
	if b, ok := v.(starlark.Bool); ok {
		if b {
			return starlark.MakeInt(1)
		}
		return starlark.MakeInt(0)
	}
	return v
}

func isNumber(v starlark.Value) bool {
	switch v.(type) {
	case starlark.Int, starlark.Float:
		return true
	}
	return false
}

// float makes a float of a number.
func float(v starlark.Value) (float64, error) {
	switch v := v.(type) {
	case starlark.Float:
		return float64(v), nil
	case starlark.Int:
		f := ratFloat(new(big.Rat).SetInt(v.BigInt()))
		if n, ok := v.Int64(); ok {
			f = float64(n)
		}
		if math.IsInf(f, 0) {
			return 0, raise("OverflowError", "int too large to convert to float")
		}
		return f, nil
	}
	return 0, raise("TypeError", "must be a number, not '%s'", typeName(v))
}

func ratFloat(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}

func bits(n starlark.Int) int {
	if i, ok := n.Int64(); ok {
		return mathbits.Len64(uint64(max(i, -(i+1)))) + 1
	}
	return n.BigInt().BitLen()
}

// size is how many words a number has, beyond the first.
func size(v starlark.Value) int {
	n, ok := v.(starlark.Int)
	if !ok {
		return 0
	}
	return bits(n) / 64
}

// effort is what arithmetic costs with numbers of many words.
func effort(op string, x, y starlark.Value) int {
	a, b := size(x), size(y)
	switch op {
	case "+", "-", "&", "|", "^":
		return (a + b) / 8
	case "<<":
		return (a + 1) * 64
	case "**":
		return (a + 1) * 1024
	}
	return 1 + a*(b+1)/8 + b
}

func tooLarge() error {
	return raise("OverflowError", "a number of more than %d bits; let a process compute it", maxBits)
}

// arithmetic computes with two numbers; ok is false if they are none, or op is none of theirs.
func arithmetic(op string, x, y starlark.Value) (v starlark.Value, ok bool, err error) {
	x, y = number(x), number(y)
	a, isInt := x.(starlark.Int)
	b, both := y.(starlark.Int)
	switch {
	case !isNumber(x) || !isNumber(y):
		return nil, false, nil
	case isInt && both:
		return integers(op, a, b)
	}
	f, err := float(x)
	if err != nil {
		return nil, true, err
	}
	g, err := float(y)
	if err != nil {
		return nil, true, err
	}
	return floats(op, f, g)
}

func integers(op string, a, b starlark.Int) (starlark.Value, bool, error) {
	switch op {
	case "+":
		return sized(a.Add(b))
	case "-":
		return sized(a.Sub(b))
	case "*":
		if bits(a)+bits(b) > maxBits {
			return nil, true, tooLarge()
		}
		return a.Mul(b), true, nil
	case "/":
		if b.Sign() == 0 {
			return nil, true, raise("ZeroDivisionError", "division by zero")
		}
		f := ratFloat(new(big.Rat).SetFrac(a.BigInt(), b.BigInt()))
		if math.IsInf(f, 0) {
			return nil, true, raise("OverflowError", "integer division result too large for a float")
		}
		if f == 0 && a.Sign() < 0 != (b.Sign() < 0) {
			f = math.Copysign(0, -1)
		}
		return starlark.Float(f), true, nil
	case "//", "%":
		if b.Sign() == 0 {
			return nil, true, raise("ZeroDivisionError", "integer division or modulo by zero")
		}
		if op == "%" {
			return a.Mod(b), true, nil
		}
		return a.Div(b), true, nil
	case "**":
		return power(a, b)
	case "&":
		return a.And(b), true, nil
	case "|":
		return a.Or(b), true, nil
	case "^":
		return a.Xor(b), true, nil
	case "<<", ">>":
		n, fits := b.Int64()
		switch {
		case b.Sign() < 0:
			return nil, true, raise("ValueError", "negative shift count")
		case op == ">>":
			if !fits {
				n = 2 * maxBits
			}
			return a.Rsh(uint(min(n, 2*maxBits))), true, nil
		case a.Sign() == 0:
			return a, true, nil
		case !fits || n > maxBits || bits(a)+int(n) > maxBits:
			return nil, true, tooLarge()
		}
		return a.Lsh(uint(n)), true, nil
	}
	return nil, false, nil
}

func sized(n starlark.Int) (starlark.Value, bool, error) {
	if bits(n) > maxBits {
		return nil, true, tooLarge()
	}
	return n, true, nil
}

func power(a, b starlark.Int) (starlark.Value, bool, error) {
	n, fits := b.Int64()
	if b.Sign() < 0 {
		if a.Sign() == 0 {
			return nil, true, raise("ZeroDivisionError", "0.0 cannot be raised to a negative power")
		}
		f, err := float(a)
		if err != nil {
			return nil, true, err
		}
		g, err := float(b)
		if err != nil {
			return nil, true, err
		}
		return floats("**", f, g)
	}
	base := a.BigInt()
	if base.BitLen() > 1 && (!fits || n > maxBits || int64(base.BitLen()-1)*n > maxBits) {
		return nil, true, tooLarge()
	}
	if base.BitLen() <= 1 { // -1, 0 and 1 to any power
		n = 2 + int64(b.BigInt().Bit(0))
		if b.Sign() == 0 {
			n = 0
		}
	}
	return sized(starlark.MakeBigInt(new(big.Int).Exp(base, big.NewInt(n), nil)))
}

func floats(op string, f, g float64) (starlark.Value, bool, error) {
	result := func(r float64) (starlark.Value, bool, error) { return starlark.Float(r), true, nil }
	switch op {
	case "+":
		return result(f + g)
	case "-":
		return result(f - g)
	case "*":
		return result(f * g)
	case "/", "//", "%":
		if g == 0 {
			return nil, true, raise("ZeroDivisionError", "float division by zero")
		}
		if op == "/" {
			return result(f / g)
		}
		quotient, rest := divmod(f, g)
		if op == "//" {
			return result(quotient)
		}
		return result(rest)
	case "**":
		if f == 0 && g < 0 {
			return nil, true, raise("ZeroDivisionError", "0.0 cannot be raised to a negative power")
		}
		if g != math.Trunc(g) && g != 0.5 || math.Abs(g) > 1024 {
			return nil, true, raise("ValueError", "a power of a float is a whole number up to 1024, or 0.5, in a condition")
		}
		if f < 0 && g == 0.5 {
			return nil, true, raise("ValueError", "the power is a complex number")
		}
		r := raiseTo(f, g)
		if math.IsInf(r, 0) && !math.IsInf(f, 0) && !math.IsInf(g, 0) {
			return nil, true, raise("OverflowError", "numerical result out of range")
		}
		return result(r)
	}
	return nil, false, nil
}

// raiseTo rounds once, as the libraries of C do and math.Pow does not.
func raiseTo(f, g float64) float64 {
	if g == 0.5 {
		return math.Sqrt(f)
	}
	if f == 0 || math.IsNaN(f) || math.IsInf(f, 0) || g == 0 {
		return math.Pow(f, g)
	}
	product, factor := big.NewFloat(1).SetPrec(256), big.NewFloat(f).SetPrec(256)
	for n := int(math.Abs(g)); n > 0; n >>= 1 {
		if n&1 == 1 {
			product.Mul(product, factor)
		}
		factor.Mul(factor, factor)
	}
	if g < 0 {
		product.Quo(big.NewFloat(1).SetPrec(256), product)
	}
	r, _ := product.Float64()
	return r
}

// divmod is Python's of two floats.
func divmod(f, g float64) (quotient, rest float64) {
	rest = math.Mod(f, g)
	quotient = (f - rest) / g
	if rest != 0 {
		if g < 0 != (rest < 0) {
			rest += g
			quotient--
		}
	} else {
		rest = math.Copysign(0, g)
	}
	if quotient == 0 {
		return math.Copysign(0, f/g), rest
	}
	floor := math.Floor(quotient)
	if quotient-floor > 0.5 {
		floor++
	}
	return floor, rest
}

// round is Python's: half to even, exact in the decimal digits.
func round(v, digits starlark.Value) (starlark.Value, error) {
	v = number(v)
	n, hasDigits := int64(0), digits != starlark.None
	if hasDigits {
		d, ok := number(digits).(starlark.Int)
		if !ok {
			return nil, raise("TypeError", "'%s' object cannot be interpreted as an integer", typeName(digits))
		}
		if n, ok = d.Int64(); !ok || n > 1000 || n < -1000 {
			return nil, raise("OverflowError", "cannot round to that many digits in a condition")
		}
	}
	switch v := v.(type) {
	case starlark.Int:
		if n >= 0 {
			return v, nil
		}
		return starlark.MakeBigInt(roundTo(new(big.Rat).SetInt(v.BigInt()), -n)), nil
	case starlark.Float:
		f := float64(v)
		switch {
		case !hasDigits && math.IsNaN(f):
			return nil, raise("ValueError", "cannot convert float NaN to integer")
		case !hasDigits && math.IsInf(f, 0):
			return nil, raise("OverflowError", "cannot convert float infinity to integer")
		case !hasDigits:
			return starlark.NumberToInt(starlark.Float(math.RoundToEven(f)))
		case math.IsNaN(f) || math.IsInf(f, 0) || f == 0 || n > 323:
			return v, nil
		case n < -308:
			return starlark.Float(math.Copysign(0, f)), nil
		case n >= 0:
			r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(n), 64), 64)
			return overflowed(r)
		}
		r := ratFloat(new(big.Rat).SetInt(roundTo(new(big.Rat).SetFloat64(f), -n)))
		return overflowed(math.Copysign(r, f))
	}
	return nil, raise("TypeError", "type %s doesn't define __round__ method", typeName(v))
}

func overflowed(f float64) (starlark.Value, error) {
	if math.IsInf(f, 0) {
		return nil, raise("OverflowError", "rounded value too large to represent")
	}
	return starlark.Float(f), nil
}

// roundTo rounds to a multiple of ten to the n, half to even.
func roundTo(r *big.Rat, n int64) *big.Int {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil)
	r = new(big.Rat).Quo(r, new(big.Rat).SetInt(unit))
	twice := new(big.Int).Lsh(r.Num(), 1)
	down := new(big.Int).Div(r.Num(), r.Denom()) // towards minus infinity: the denominator is positive
	half := new(big.Int).Sub(twice, new(big.Int).Mul(new(big.Int).Lsh(down, 1), r.Denom()))
	if c := half.Cmp(r.Denom()); c > 0 || c == 0 && down.Bit(0) == 1 {
		down.Add(down, big.NewInt(1))
	}
	return down.Mul(down, unit)
}

// floatText is Python's repr.
func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strconv.FormatFloat(f, 'f', -1, 64)[:1]+"inf", "+")
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	exponent, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if exponent < -4 || exponent >= 16 {
		return s
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// setOp are the operators of sets, and "|" of dicts.
var setOps = map[string]syntax.Token{"-": syntax.MINUS, "&": syntax.AMP, "|": syntax.PIPE, "^": syntax.CIRCUMFLEX}
