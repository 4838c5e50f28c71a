package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ByteSize is an amount of memory in bytes.
type ByteSize int64

// ParseByteSize reads a number with one of the units B, KB, MB, GB, TB, PB and EB,
// each 1024 times the one before.
func ParseByteSize(text string) (ByteSize, error) {
	digits := strings.TrimRight(text, "BKMGTPE")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("not a size")
	}
	factor := int64(1)
	for _, unit := range []string{"B", "KB", "MB", "GB", "TB", "PB", "EB"} {
		if text[len(digits):] == unit {
			if n < 0 || n > math.MaxInt64/factor {
				return 0, fmt.Errorf("out of range")
			}
			return ByteSize(n * factor), nil
		}
		factor *= 1024
	}
	return 0, fmt.Errorf("no known unit")
}

// KiB is the size in units of 1024 bytes, rounded up.
func (b ByteSize) KiB() int64 {
	kib := int64(b) / 1024
	if int64(b)%1024 != 0 {
		kib++
	}
	return kib
}

// parseArgon2Memory is ParseByteSize within the range of RFC 9106: 2^32-1 KiB at most.
func parseArgon2Memory(text string) (ByteSize, error) {
	b, err := ParseByteSize(text)
	if err == nil && b.KiB() > math.MaxUint32 {
		return 0, fmt.Errorf("out of range")
	}
	return b, err
}

// parseDuration reads what the schema's pattern lets through and Go cannot hold.
func parseDuration(text string) (time.Duration, error) { return time.ParseDuration(text) }
