// Package systemtest holds the tests that see the server as everybody else does:
// as a process with two ports and a database file. They build the command, run
// it as a child, and reach it over loopback only.
//
// It owns what cannot be seen from inside: official clients that are used
// unchanged, a process that is killed in the middle of its work, start-up time,
// memory, bytes on the wire that no proper client sends, a full disk, a locked
// database. It refuses to look inside: nothing of the house is imported.
//
// Invariants: a child is ended by its process id; every test has files and ports
// of its own; tests that measure time run alone, the others beside each other.
// The long ones are left out with -short.
package systemtest
