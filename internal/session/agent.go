package session

import "strings"

// sign is a part of a User-Agent header that gives something away.
type sign struct{ part, name string }

// The first sign that is there counts: browsers claim to be their elders.
var (
	browserSigns = []sign{
		{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"OPR/", "Opera"}, {"Opera", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"}, {"Vivaldi/", "Vivaldi"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Chromium/", "Chromium"}, {"Safari/", "Safari"}, {"curl/", "curl"},
	}
	systemSigns = []sign{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
		{"Windows", "Windows"}, {"Macintosh", "macOS"}, {"Linux", "Linux"},
	}
)

// Agent tells browser and system from a User-Agent header by well-known names, "" for
// unknown.
func Agent(userAgent string) (browser, system string) {
	return firstSign(browserSigns, userAgent), firstSign(systemSigns, userAgent)
}

func firstSign(signs []sign, text string) string {
	for _, s := range signs {
		if strings.Contains(text, s.part) {
			return s.name
		}
	}
	return ""
}
