package secret

// Vector is a hash of another system with its password.
type Vector struct{ Name, Password, Encoded string }

// Vectors are all of them.
func Vectors() (all []Vector) {
	for _, v := range vectors() {
		all = append(all, Vector{v.name, v.password, v.encoded})
	}
	return all
}
