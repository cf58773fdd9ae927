package policyfile

import (
	"reflect"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// Types of JSON Schema.
const (
	typeString  = "string"
	typeInteger = "integer"
	typeNumber  = "number"
	typeBoolean = "boolean"
	typeArray   = "array"
	typeObject  = "object"
)

// SchemaNode is the part of JSON Schema (draft 2020-12) that settings need.
type SchemaNode struct {
	Schema      string                 `json:"$schema,omitempty"`
	Title       string                 `json:"title,omitempty"`
	Type        string                 `json:"type,omitempty"`
	Description string                 `json:"description,omitempty"`
	Enum        []string               `json:"enum,omitempty"`
	Minimum     *int                   `json:"minimum,omitempty"`
	Required    []string               `json:"required,omitempty"`
	Properties  map[string]*SchemaNode `json:"properties,omitempty"`
	Additional  *bool                  `json:"additionalProperties,omitempty"` // false of an object with properties
	Items       *SchemaNode            `json:"items,omitempty"`
	Pattern     string                 `json:"pattern,omitempty"`
	AnyOf       []*SchemaNode          `json:"anyOf,omitempty"` // in the place of Type
}

// Schema returns the schema of a file. Keys and types come from the types that
// are sent to the server; only what they cannot say stands in hints.
func Schema() *SchemaNode {
	root := schemaOf(reflect.TypeFor[fleet.Settings]())
	root.Schema, root.Title = "https://json-schema.org/draft/2020-12/schema", "Business apps, calendars, policies and groups of Kannuki"
	for path, hint := range hints() {
		n := root.at(path)
		n.Description, n.Enum, n.Required = hint.Description, hint.Enum, hint.Required
		n.Minimum = hint.Minimum
		if hint.Items != nil {
			n.Items = hint.Items
		}
	}
	return root
}

// types returns the types that a value may have, the one to write first.
func (n *SchemaNode) types() []string {
	if len(n.AnyOf) == 0 {
		return []string{n.Type}
	}
	var list []string
	for _, one := range n.AnyOf {
		list = append(list, one.Type)
	}
	return list
}

// at returns the node for "groups.apps", through the items of lists.
func (n *SchemaNode) at(path string) *SchemaNode {
	for key := range strings.SplitSeq(path, ".") {
		if n.Items != nil {
			n = n.Items
		}
		n = n.Properties[key]
	}
	if n.Items != nil && n.Items.Type == typeObject { // a list of entries: what is said is said of one
		return n.Items
	}
	return n
}

func schemaOf(t reflect.Type) *SchemaNode {
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Slice, reflect.Array:
		return &SchemaNode{Type: typeArray, Items: schemaOf(t.Elem())}
	case reflect.Struct:
		n := &SchemaNode{Type: typeObject, Properties: map[string]*SchemaNode{}, Additional: new(bool)}
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.IsExported() && !f.Anonymous && name != "-" {
				n.Properties[name] = schemaOf(f.Type)
			}
		}
		return n
	case reflect.Bool:
		return &SchemaNode{Type: typeBoolean}
	case reflect.Int, reflect.Int64, reflect.Uint32:
		return &SchemaNode{Type: typeInteger}
	case reflect.Float64:
		return &SchemaNode{Type: typeNumber}
	default:
		return &SchemaNode{Type: typeString}
	}
}

// hints is what an editor shows beside a key. The server checks values; a hint
// that it does not know of would only be a wrong squiggle.
func hints() map[string]SchemaNode {
	zero, one := 0, 1
	return map[string]SchemaNode{
		"apps":                  {Description: "A business app. A key that is absent stays as it is.", Required: []string{"bundle_id"}},
		"apps.bundle_id":        {Description: "Bundle identifier, such as com.example.pos"},
		"apps.name":             {Description: "Name people know the app by"},
		"apps.importance":       {Description: "critical: verified on every model; important: on one; informational: never keeps a gate closed", Enum: importances()},
		"apps.owner":            {Description: "Team that answers for the app; no person's contact data"},
		"apps.vendor_contact":   {Description: "Where the app's vendor is reached"},
		"apps.smoke":            {Description: "Short checks of a tester, in order; the whole list"},
		"apps.deliver":          {Description: "How a version that a release needs comes to phones first: none; store: by the phone's Apple Account; licensed: by licences of Apps and Books", Enum: deliveries()},
		"calendars":             {Description: "When waves start and deadlines lie, for every policy that names it. A key that is absent stays as it is.", Required: []string{"name"}},
		"calendars.name":        {Description: "Name of the calendar"},
		"calendars.weekdays":    {Description: "Days with updates, such as mon-fri or mon, wed; the whole list, none: all"},
		"calendars.hours":       {Description: "Hours of those days, such as 09:00-17:00, or 22:00-05:00 for nights that begin on them; none: all"},
		"calendars.month_end":   {Description: "So many last days of each month are without updates", Minimum: &zero},
		"calendars.closed":      {Description: "Days without updates: 2026-12-28 or 2026-12-28..2027-01-04; the whole list"},
		"calendars.holidays":    {Description: "The same for holidays; the whole list"},
		"calendars.include":     {Description: "Names of calendars whose closed days and holidays are closed in this one too; the whole list"},
		"policies":              {Description: "What is decided beforehand about gates. A key that is absent stays as it is.", Required: []string{"name"}},
		"policies.name":         {Description: "Name of the policy; the built-in one, default, cannot be changed"},
		"policies.carry_over":   {Description: "Whether results of 26.6 count for 26.6.1 after a quick check there"},
		"policies.verdict_days": {Description: "Days a result counts; 0: until the day it names itself", Minimum: &zero},
		"policies.calendar":     {Description: "Name of the calendar it follows; none: it has weekdays, hours and closed days of its own"},
		"policies.waves": {
			Description: "Phones that start together, each wave counting those before it: 5% of them or 20 phones, the last one 100%; numbers alone are percent; [] is all at once",
			Items:       &SchemaNode{AnyOf: []*SchemaNode{{Type: typeString, Pattern: "^[0-9]+%?$"}, {Type: typeInteger, Minimum: &one}}},
		},
		"policies.on_expiry":         {Description: "What happens when Apple's 90 days end before an approval", Enum: onExpiries()},
		"policies.improvements":      {Description: "Background security improvements such as 26.3.1 (a): accept: phones take them; reverify: each has a gate of its own; off: not offered", Enum: improvementModes()},
		"policies.majors":            {Description: "hold: stay on the older major version while Apple maintains it; allow: like any other release", Enum: []string{string(policy.MajorsHold), string(policy.MajorsAllow)}},
		"policies.model_class":       {Description: "What phones a result stands for: hardware: the same model; screen: those with the same screen; any: all", Enum: fleet.ModelClasses()},
		"policies.on_leak":           {Description: "When a production phone is updated unapproved: record it, tell of it by a notice, or retest: also offer the release to the verification phones", Enum: fleet.LeakModes()},
		"policies.beta":              {Description: "Apple's beta program on verification phones: off, offer (testers choose it) or require (supervised phones take part by themselves)", Enum: []string{string(policy.BetaOff), string(policy.BetaOffer), string(policy.BetaRequire)}},
		"policies.beta_program":      {Description: "Name of the beta program, one of beta_programs in the server's configuration"},
		"policies.keep_improvements": {Description: "Whether nobody can remove an improvement from a phone"},
		"policies.chase":             {Description: "Steps that remind those whose phones are late, in order: notice, push, message, escalate or ticket, and when: push@+6h after the phone was told, message@deadline-24h"},
		"policies.chase_tests":       {Description: "Steps while nobody tests a candidate on a verification phone that is to: as for chase, counted from when the candidate was given to the phones, message@+3d, or from the day to verify by, escalate@verify-by-30d; [] is none"},
		"policies.chase_quiet":       {Description: "Hours without a step by each phone's own clock, such as 19:00-08:00"},
		"policies.chase_off":         {Description: "Weekdays without a step: mon to sun"},
		"policies.chase_always":      {Description: "Kinds of steps that channels may deliver late in quiet hours too: notice, message, escalate, ticket"},
		"policies.chase_per_day":     {Description: "Steps for one phone a day; 0: as many as are due", Minimum: &zero},
		"policies.chase_language":    {Description: "Language of the words to those who carry phones; none: that of the channel", Enum: []string{"", "en", "ja"}},
		"policies.urgent":            {Description: "What a release that fixes a flaw known to be exploited may do: lane (two people after quick checks) or off", Enum: []string{fleet.UrgentLane, fleet.UrgentOff}},
		"policies.urgent_deadline":   {Description: "By when all phones install then, from the signature: 24h to 48h"},
		"groups":                     {Description: "Phones that do the same work. A key that is absent stays as it is.", Required: []string{"name"}},
		"groups.name":                {Description: "Name of the group"},
		"groups.apps":                {Description: "Bundle identifiers of its business apps; the whole list"},
		"groups.candidate":           {Description: "How verification phones get a new release", Enum: []string{string(policy.CandidateManual), string(policy.CandidateAuto)}},
		"groups.rights":              {Description: "What the server may do to phones that enrol from now on", Enum: []string{"updates", "managed", "full"}},
		"groups.policy":              {Description: "Name of the policy that decides about its gates"},
		"groups.minimum_notice":      {Description: "Least time between telling a phone and its deadline, such as 24h"},
		"groups.candidate_notice":    {Description: "The same for a candidate on verification phones, such as 4h"},

		"policies.breaker_sample":       {Description: "Least number of phones for the percentages that stop a rollout", Minimum: &one},
		"policies.breaker_wave_sample":  {Description: "The same for the percentages of one wave; 0: as breaker_sample", Minimum: &zero},
		"policies.breaker_failed":       {Description: "Percent of the phones asked to install on which it failed, at which a rollout stops itself; 0: never", Minimum: &zero},
		"policies.breaker_silent":       {Description: "Percent of the phones that installed and fell silent with it, at which a rollout stops itself; 0: never", Minimum: &zero},
		"policies.breaker_silent_after": {Description: "For how long such a phone was not heard of, such as 72h"},
		"policies.breaker_reverted":     {Description: "Percent of the phones that installed on which a business app went back to a lower version or was taken off, at which a rollout stops itself; 0: never", Minimum: &zero},
		"policies.breaker_reports":      {Description: "Number of phones with a problem report, at which a rollout stops itself; 0: never", Minimum: &zero},
	}
}

func importances() []string {
	return []string{string(policy.ImportanceCritical), string(policy.ImportanceImportant), string(policy.ImportanceInformational)}
}

func deliveries() []string {
	return []string{string(policy.DeliverNone), string(policy.DeliverStore), string(policy.DeliverLicensed)}
}

func onExpiries() []string {
	return []string{string(policy.OnExpiryExtendRisk), string(policy.OnExpiryReleaseToUsers), string(policy.OnExpiryEnforce)}
}

func improvementModes() []string {
	return []string{string(policy.ImprovementsAccept), string(policy.ImprovementsReverify), string(policy.ImprovementsOff)}
}
