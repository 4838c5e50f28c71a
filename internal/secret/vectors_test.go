package secret

// vector is a hash that another implementation made or accepted.
type vector struct {
	name     string
	password string
	encoded  string
}

// The passwords of the vectors: interop hashes are accepted by the server whose
// API this is, foreign ones were made with Python's hashlib, hmac and crypt(3)
// and with OpenSSL; phc is the test suite of argon2's authors.
const (
	interop = "Cardea-pw1"
	foreign = "Tr0ub4dor&3 päß"
	phc     = "password"
)

func vectors() []vector {
	return []vector{
		{"argon2id", interop, `$argon2id$v=19$m=64,t=2,p=1$2NIm8+edgOJawRU+oavsIQ$tCxgdDCLxVmP680nmi8co0Z1AALY5u/UZ98e0byicVM`},
		{"bcrypt 2b", interop, `$2b$05$abcdefghijklmnopqrstuum51fpTr3HTv9xYSshArKI0g5AevBi/y`},
		{"pbkdf2-sha1", interop, `$pbkdf2-sha1$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$+jzkIQGwLwupQRa4ZLebi9w0p9g8zdxr5xOPP79MKV8`},
		{"pbkdf2-sha256", interop, `$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$GVOviDs7TCYi4PdducrIBDQnM4qC4urr8LP0E1mpFKs`},
		{"pbkdf2-sha512", interop, `$pbkdf2-sha512$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$x73iKMiMZ0Kn/6m61v8kOJx3JSorPQCyfCqno6mQhcg`},
		{"pbkdf2-sha224", interop, `$pbkdf2-sha224$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$wSC5WjunjzV9PZg+WWue9GQFo5PJpKcUg4uIwTR5Wsg`},
		{"pbkdf2-sha384", interop, `$pbkdf2-sha384$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$yB9Ecwx4HfasJenc+IH2UjeBJQMcw9SBZILNTsph1ow`},
		{"scrypt", interop, `$scrypt$ln=1024,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg==$shsFq0OhKkFLmWMilZShWpog3bmAO8BTaEQajAEdwiM=`},
		{"firescrypt", interop, `$firescrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg==$QTGvALKAxISxzg+CdY3NnNkj/O2OOBn33OHuS9vlDM3oE8bQxGB1/3pocdK7jXltSpiOCe8CVBacJiEbxJP8dg==$Bw==$U1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTUw==`},
		{"SSHA", interop, `{SSHA}oN9x36NwNTBsKOeJkGKSH26loLRzYWx0`},
		{"SSHA256", interop, `{SSHA256}e2W+zov6iXLM/Ieowm+dJqmx4G/Sj+kdDX2y0xuihv1zYWx0`},
		{"SSHA512", interop, `{SSHA512}WpgUuJez1bkLU1r2si8OHkhQBCeSTd7npsFw7pfuYGXP4s5x+HzIAzV8qmJo/vpasiOvPNl6vUtCQG/eG1BQlHNhbHQ=`},
		{"sha1 with a template", interop, `$sha1$pf=e1NBTFR9LntQQVNTV09SRH0=$c2FsdA==$hQOgBifajeUH7pIGKe4weUkH7X4=`},
		{"sha256 with a template", interop, `$sha256$pf=e1NBTFR9LntQQVNTV09SRH0=$c2FsdA==$QtSlY+I1rIKStoE15/NbGNKxR51Vay8BGlc3JH2P96o=`},
		{"sha512 with a template", interop, `$sha512$pf=e1NBTFR9LntQQVNTV09SRH0=$c2FsdA==$z+vXhSsOWK5D7mj28Hup+BpGuYZ0xn/qQNJj1Uqef4ktRNvoRa+KWDpza8+mAip44oMD8/7AgZeYUC3wVj8jCQ==`},
		{"md5 with a template", interop, `$md5$pf=e1NBTFR9LntQQVNTV09SRH0=$c2FsdA==$Pd4xTBTWzVzJ/dWXXpLwvA==`},
		{"md5", interop, `$md5$fSFJksVKdE+XozsxpmvsLw==`},
		{"hmac-md5", interop, `$hmac-md5$MjhjYjU2N2NkMDI2NjU4ZTRjNDUxMTk4MTBlZWYyMjE=$a2V5`},
		{"hmac-sha256", interop, `$hmac-sha256$YTYxOThmNGVjNjE5OTJhYWU1Njg5M2I4YzdkMWQ1Nzk1MTE0NGRmMWMwOTQxY2Y4ZTc2N2Y0NmYyNGEyZTlkYg==$a2V5`},
		{"md5-crypt", interop, `$md5-crypt$saltsalt$bV2Ewe/2sjX1NtiR6UUSP/`},
		{"sha256-crypt", interop, `$sha256-crypt$rounds=5000$saltsalt$8wRYNfBJ9pS.t6fbe2aC4jNjGyM4J2U.VG9VxmzAWyB`},
		{"sha512-crypt", interop, `$sha512-crypt$rounds=5000$saltsalt$80ldb.ZO9j6cVNJ8Q43YNk9YW/OnvTQWlzm2mG7FSTtjMaWuD3s6dXfL7dlocEeucyVKjmdCJMXe3HDp.yItr/`},
		{"pbkdf2-sha1", foreign, `$pbkdf2-sha1$i=77,l=32$TmFDbC0wMTIzNDU2Nzg5$TeONeYhE6Bp6FjLKn2kXld3FBrI`},
		{"pbkdf2-sha256", foreign, `$pbkdf2-sha256$i=77,l=32$TmFDbC0wMTIzNDU2Nzg5$ww7IXyA8cE58AxFdrRfRLePUqIQ`},
		{"pbkdf2-sha512", foreign, `$pbkdf2-sha512$i=77,l=32$TmFDbC0wMTIzNDU2Nzg5$11MVoZxZ2vJvOYh5o400C/rCpiU`},
		{"pbkdf2-sha224", foreign, `$pbkdf2-sha224$i=77,l=32$TmFDbC0wMTIzNDU2Nzg5$BKvbSh+J0BI4X4c82KExOD+a5eg`},
		{"pbkdf2-sha384", foreign, `$pbkdf2-sha384$i=77,l=32$TmFDbC0wMTIzNDU2Nzg5$4OwGQBXVp1M8BSMl5wQWqXFYkSA`},
		{"pbkdf2-sha999", foreign, `$pbkdf2-sha999$i=77,l=32$TmFDbC0wMTIzNDU2Nzg5$ww7IXyA8cE58AxFdrRfRLePUqIQ`},
		{"scrypt", foreign, `$scrypt$ln=16,r=2,p=3$TmFDbC0wMTIzNDU2Nzg5$SdIk9+zDp3qNDI9ewKnmmqn9/Ao40Y6F`},
		{"SSHA", foreign, `{SSHA}Q3o8TujpdFRi/aQBb6MxaCJT8VcA/w==`},
		{"SSHA256", foreign, `{SSHA256}lmGeyrY4r09t3a6etmd92OsUDeqi3wJkkub2QPdGYscA/w==`},
		{"SSHA512", foreign, `{SSHA512}7L/xBtewgm++OiBFu6VpYUUJOq0VP+Baz+ZM3OcTsF5Ri3dC7lC9+jELMrnw2HO+THMguau2U16LFgbiTxXLNgD/`},
		{"sha1 with a template", foreign, `$sha1$pf=e1BBU1NXT1JEfXx7U0FMVH18e1BBU1NXT1JEfQ==$TmFDbC0wMTIzNDU2Nzg5$Tu35yvcvrhz7ch/z++AYecRaSQA=`},
		{"sha1 without salt", foreign, `$sha1$pf=e1BBU1NXT1JEfQ==$$OYisQZkN9NVdi/avJk7Ep0bFRFY=`},
		{"sha256 with a template", foreign, `$sha256$pf=e1BBU1NXT1JEfXx7U0FMVH18e1BBU1NXT1JEfQ==$TmFDbC0wMTIzNDU2Nzg5$UPqExWphWbnKolygzSb+AgbN63Fn+WaCLw2ItfbrLv8=`},
		{"sha256 without salt", foreign, `$sha256$pf=e1BBU1NXT1JEfQ==$$Rk18DSwL0I2wx2BL8N0M8clWKqsr5mz+qkWrJ225UvY=`},
		{"sha512 with a template", foreign, `$sha512$pf=e1BBU1NXT1JEfXx7U0FMVH18e1BBU1NXT1JEfQ==$TmFDbC0wMTIzNDU2Nzg5$GSKDg8CTHolk6ZuOwA5oVQ/iz5YAI4Q0NCQwovibIay49it1WOdU79q7rG7g5pkuA97LmlBJwpairT07lLlc0Q==`},
		{"sha512 without salt", foreign, `$sha512$pf=e1BBU1NXT1JEfQ==$$ZOVtty6lKJtpaM4Aef82SZzlz8QiGlSfT8htsJDNALvuyT1He6ahyctAnulYCzzgewt0PVLA9NAhnY+nQLeVeQ==`},
		{"md5 with a template", foreign, `$md5$pf=e1BBU1NXT1JEfXx7U0FMVH18e1BBU1NXT1JEfQ==$TmFDbC0wMTIzNDU2Nzg5$cK7meXmInUUGLkE3voWC+w==`},
		{"md5 without salt", foreign, `$md5$pf=e1BBU1NXT1JEfQ==$$LmHE6jbYgWc0Fom/5smv2w==`},
		{"md5", foreign, `$md5$LmHE6jbYgWc0Fom/5smv2w==`},
		{"hmac-md4", foreign, `$hmac-md4$YzFmNWNhYTBkNjlkMjk0ZTg2MGZkZjI0OTBiNzdhOWI=$azN5`},
		{"hmac-md5", foreign, `$hmac-md5$YTk0YmE1ODExODVmYWNiMmY4ZGI0MGYwMDk5MTExNGE=$azN5`},
		{"hmac-sha1", foreign, `$hmac-sha1$MGZkZjAzMzAwZGEyZGY4ZDE4YTUyZjJlNDdlM2M2MzI0NTk4NmQzMg==$azN5`},
		{"hmac-sha224", foreign, `$hmac-sha224$OGVlOWFkOWE3NDUwYWFlY2ZlODkwZWY3M2Y2NmJjOGQ5MmNmMGViOGI4MWU0ZjJkMjNhNDhlODQ=$azN5`},
		{"hmac-sha256", foreign, `$hmac-sha256$MmIxNjMxMzljMzJmZDU2ODgyNjg2YjU2NWZlMDMzOGJjOTBmM2Y4MGEwMzI3YWNlMTlkZDIwY2NkYjg4YWFlNA==$azN5`},
		{"hmac-sha384", foreign, `$hmac-sha384$ZGExYmQwZjRlMjEyZWE1OGQwNzVjOTNkNmFiZjAxNzFmZDc2MmNhY2I4NzBiODM2ZTg5MzAxZTE1YTMyMzJkOGZmMTY5YjA5NWQ3YzM3MTNjYjcwNGM1MWZlOTEwZDBm$azN5`},
		{"hmac-sha512", foreign, `$hmac-sha512$NzA4YmVkMTU5NTZmZjlkYmM3NjQ4MDYwNGEyMTdjY2FmZjAzMmI4Mzc0YTdmZTU4ZDc3YmUwODAyZWY5N2QyNzM4YjcwNzI2NmRmZjdhNmVhMmZlOTJmOTdjOTU3MjQ1NzRkYTQ0M2JjMDJjMzAwZDg2NDEzNWUzNmZkMzM4N2M=$azN5`},
		{"md5-crypt", foreign, `$md5-crypt$abc$/eP7.PUYU43UQj0YmcvwY.`},
		{"sha256-crypt", foreign, `$sha256-crypt$abcdefghijklmnop$1Y2q8mS8f4eLpBSNRvXxKceMhnNwLZHcjz3RPTvsNm7`},
		{"sha256-crypt with rounds", foreign, `$sha256-crypt$rounds=1234$abc$pvMkFCaDTssoq654cYXstMZWSCBp8TXQ3Gk6oOlmXX6`},
		{"sha512-crypt", foreign, `$sha512-crypt$abc$YvyIVcUhr4iTcq5aRQDaii5/LUGBlTc8WMGRHDH81JPAWaClhTOhZFULQb3KBoJRgUAef5CxEoVQoihznBNdY.`},
		{"sha512-crypt with rounds", foreign, `$sha512-crypt$rounds=1000$abcdefghijklmnop$3G81nNHv25OjXBZZdgG3RcLelSGE28uLxymlJ4EYOjPtVyfu7ptNMS0SYD.Gk8PIbjlisZS4WESR1w8h6.V1Y0`},
		{"bcrypt 2b", foreign, `$2b$04$abcdefghijklmnopqrstuuaXxDIqcXpVeTO/tWmjRbs4bwiQ3pvvC`},
		{"bcrypt 2y", foreign, `$2y$04$abcdefghijklmnopqrstuuaXxDIqcXpVeTO/tWmjRbs4bwiQ3pvvC`},
		{"bcrypt 2a", foreign, `$2a$04$abcdefghijklmnopqrstuuaXxDIqcXpVeTO/tWmjRbs4bwiQ3pvvC`},
		{"firescrypt", foreign, `$firescrypt$ln=4,r=1,p=1$TmFDbC0wMTIzNDU2Nzg5$tuNhZHzWPN1ddG42b5uizaXNUBkwZjb27L6kCYsNkr1/yJ80NXRPRA==$Bw==$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJw==`},
		{"argon2id of its authors", phc, `$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc`},
		{"argon2i of its authors", phc, `$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA`},
	}
}
