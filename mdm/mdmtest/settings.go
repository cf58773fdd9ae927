package mdmtest

// settings carries out a Settings command. Of its items only the cadence of
// software updates has an effect here; a phone answers for each.
func (p *Phone) settings(cmd map[string]any) map[string]any {
	results := []any{}
	for _, v := range list(cmd, "Settings") {
		item, _ := v.(map[string]any)
		if str(item, "Item") == "SoftwareUpdateSettings" {
			p.enrolment.cadence = cadences()[integer(item, "RecommendationCadence")]
			p.note(Entry{Kind: KindCadence, Version: p.version, Detail: p.enrolment.cadence})
		}
		results = append(results, map[string]any{"Status": acknowledged})
	}
	return map[string]any{"Settings": results}
}

// cadences are the words of the declaration for the numbers of the command
// (Apple, Device Management, Settings); the schema has refused other numbers.
func cadences() [3]string { return [3]string{"All", "Oldest", "Newest"} }

// cadenceNumber is what DeviceInformation reports, 0 before anything was set.
func (e *enrolment) cadenceNumber() int {
	for i, name := range cadences() {
		if name == e.cadence {
			return i
		}
	}
	return 0
}
