package jsonnet

import "os"

// mappedData is how much private writable memory this process has mapped, which is
// what RLIMIT_DATA counts.
func mappedData() (bytes uint64, known bool) {
	f, err := os.Open("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	fields, ok := statm(f)
	return uint64(fields[statmData]) * uint64(os.Getpagesize()), ok
}
