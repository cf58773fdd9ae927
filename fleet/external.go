package fleet

import (
	"maps"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/storage"
)

// madeOnce refuses a result that says both that a phone here shows it and that it was
// made elsewhere: one of the two would be ignored.
func (r VerdictRequest) madeOnce() error {
	if r.External && r.Device != "" {
		return invalid("device", "device-of-external", "a result made elsewhere names no phone here; leave out the phone, or --external with what belongs to it")
	}
	told := []struct{ field, value string }{
		{"evidence", r.Evidence}, {"group", r.Group}, {"model", r.Model}, {"app_version", r.AppVersion},
	}
	for _, t := range told {
		if !r.External && t.value != "" {
			return invalid(t.field, "only-external", "only a result made elsewhere (--external) names it; otherwise it comes from the phone's own report")
		}
	}
	return nil
}

// testifyExternally fills a verdict from what its tester says of a test made
// elsewhere. What can be checked is: nobody would notice a model that does not exist,
// and an app version that no phone can have keeps every phone waiting for it.
func (f *Fleet) testifyExternally(w *worldState, s *snapshot, r VerdictRequest, v *storage.Verdict) error {
	if strings.TrimSpace(r.Evidence) == "" {
		return invalid("evidence", "evidence-missing", "an external result needs evidence: where it comes from and who can confirm it")
	}
	if r.AppVersion == "" {
		return invalid("app_version", "app-version-missing", "an external result names the app version that was tested")
	}
	group, err := s.group(r.Group)
	if err != nil {
		return err
	}
	if !slices.Contains(group.Apps, r.BundleID) {
		return refused("app-not-in-group", "%s is not a business app of group %s", r.BundleID, r.Group).with("app", r.BundleID, "group", r.Group)
	}
	release, err := s.release(r.Release)
	if err != nil {
		return err
	}
	if err := runs(release, s.catalog.Models(), r.Model); err != nil {
		return err
	}
	if !version.Valid(r.AppVersion) && !w.reports(r.Group, r.BundleID, func(v string) bool { return v == r.AppVersion }) {
		return invalid("app_version", "not-an-app-version", "%q: want numbers such as 4.2 or 2024.10.1, or what a phone of group %s reports for %s", r.AppVersion, r.Group, r.BundleID).
			with("value", r.AppVersion, "group", r.Group, "app", r.BundleID)
	}
	v.External, v.Evidence, v.Group, v.Model, v.AppVersion = true, r.Evidence, r.Group, r.Model, r.AppVersion
	return nil
}

// runs refuses a model that a release is not made for. Of a release of which no source
// says for which models it is, every model with a name is taken.
func runs(release catalog.Release, named map[string]string, model string) error {
	models := slices.Sorted(maps.Keys(named))
	if len(release.Models) > 0 {
		models = nil
		for _, m := range release.Models {
			models = append(models, m.Model)
		}
	}
	if slices.Contains(models, model) {
		return nil
	}
	if model == "" {
		return invalid("model", "model-missing", "an external result names the model it was made on, such as iPhone15,2")
	}
	e := invalid("model", "model-not-of-release", "%q: iOS %s is not made for it; want a hardware identifier such as iPhone15,2", model, release.Version).
		with("value", model, "release", release.Version)
	if i := slices.IndexFunc(models, func(m string) bool { return strings.EqualFold(m, model) }); i >= 0 {
		e.Near = models[i : i+1]
	} else {
		e.Near = near(model, models)
	}
	return e
}
