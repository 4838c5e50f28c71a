package config

// CardeaGeoIP says where addresses are looked up to tell where a device is.
type CardeaGeoIP struct {
	File string // path of a MaxMind DB with cities or countries; "" for none
}
