// Package zxcvbn stands in for the password meter of the same name. Pulumi asks it one thing: whether a plain value
// given to `pulumi config set` looks like a secret. The original parses a megabyte of word lists at every start of the
// CLI for that, which is half of the CLI's start-up time; idc starts it once a stack.
package zxcvbn

import (
	"math"
	"unicode"
)

// Strength is how hard a text is to guess.
type Strength struct {
	Entropy float64 // bits
}

// PasswordStrength takes each character for a random one of the kinds that occur: words count as stronger than they
// are, so a harmless value may be taken for a secret, never the other way round.
func PasswordStrength(text string, _ []string) Strength {
	var lower, upper, digit, other, length float64
	for _, char := range text {
		length++
		switch {
		case unicode.IsLower(char):
			lower = 26
		case unicode.IsUpper(char):
			upper = 26
		case unicode.IsDigit(char):
			digit = 10
		default:
			other = 33
		}
	}
	if length == 0 {
		return Strength{}
	}
	return Strength{Entropy: length * math.Log2(lower+upper+digit+other)}
}
