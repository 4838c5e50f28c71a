package jsonnet

// mappedData is not known: RLIMIT_DATA does not cover mapped memory here.
func mappedData() (bytes uint64, known bool) { return 0, false }
