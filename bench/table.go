package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// absent stands for a figure that was not measured.
const absent = "–"

// table renders rows below a header in Markdown: the first column to the left,
// figures to the right, aligned for those who read the text as it is.
func table(header []string, rows [][]string) string {
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	rule := make([]string, len(header))
	for i, width := range widths {
		if rule[i] = strings.Repeat("-", width); i > 0 {
			rule[i] = rule[i][1:] + ":"
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{header, rule}, rows...) {
		b.WriteString(tableLine(row, widths))
	}
	return b.String()
}

func tableLine(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if i == 0 {
			b.WriteString("| " + cell + padding + " |")
		} else {
			b.WriteString(" " + padding + cell + " |")
		}
	}
	return b.String() + "\n"
}

// formatMemory is formatBytes, if it is known.
func formatMemory(n int64) string {
	if n == 0 {
		return absent
	}
	return formatBytes(n)
}

// formatRate shows three significant digits and thousands separators.
func formatRate(perSecond float64) string {
	switch {
	case perSecond < 10:
		return strconv.FormatFloat(perSecond, 'f', 2, 64)
	case perSecond < 100:
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	}
	return formatCount(roundTo3(uint64(perSecond + 0.5)))
}

func roundTo3(n uint64) uint64 {
	unit := uint64(1)
	for n/unit >= 1000 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

func formatCount(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// formatLatency picks the unit that leaves few digits.
func formatLatency(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.2f ms", milliseconds(d))
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", milliseconds(d))
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// formatBytes shows binary megabytes.
func formatBytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func formatRatio(r float64) string {
	if r < 0.1 {
		return strconv.FormatFloat(r, 'f', 4, 64)
	}
	return strconv.FormatFloat(r, 'f', 2, 64)
}
