package lang

// japanesePages holds the Japanese of the pages that phones' users see.
func japanesePages() map[string]string {
	return map[string]string{}
}
