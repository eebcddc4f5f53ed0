// Package check lets rules of an audit be written as conditions of a workflow are:
//
//	outputs:
//	  - {check: "domain.reserves >= sum(domain.accounts.values())", level: B}
//
// core/audit knows what a rule is and core/flux what an expression means; neither knows the other.
// Language joins the two: it is the audit.Language of this kernel. It translates three things and
// decides nothing:
//
//   - a flux.Need, a path and what is wanted of it, into an audit.Need, a field and what to ask;
//   - the audit.Value that a host says into the flux.Value that an expression computes with;
//   - what an evaluation comes to into an audit.Answer.
//
// What an expression computes with are numbers, texts, bytes, None and the containers of Python.
// A Decimal, a Fraction or an array is none of these, and a check that meets one is not judged,
// which violates: the conditions min, max and finite are for those.
//
// At the input gate a name that is nothing else is an argument of the process. Arguments are handed
// in as they are: their containers with all they hold, their objects as something that is there.
package check
