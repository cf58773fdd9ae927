package mdm_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/mdm"
)

func availableUpdates() []byte {
	return resultOf(raw("AvailableOSUpdates", "<array><dict>"+
		str("ProductKey", "20H392")+str("ProductName", "iOS")+str("HumanReadableName", "iOS 16.7.16")+str("Version", "16.7.16")+
		str("Build", "20H392")+raw("DownloadSize", "<integer>412000000</integer>")+raw("InstallSize", "<real>800000000.0</real>")+
		boolean("IsSecurityResponse", false)+str("SupplementalBuildVersion", "20H392")+"</dict><dict>"+
		str("ProductKey", "20H400a")+boolean("IsSecurityResponse", true)+str("SupplementalOSVersionExtra", "(a)")+
		raw("DownloadSize", "<true/>")+"</dict><dict>"+str("ProductName", "iOS")+"</dict><string>x</string></array>"))
}

func TestAvailableUpdates(t *testing.T) {
	t.Parallel()
	got, err := decodeResult(t, availableUpdates()).AvailableUpdates()
	if err != nil {
		t.Fatal(err)
	}
	want := []mdm.AvailableUpdate{
		{
			ProductKey: "20H392", ProductName: "iOS", HumanReadable: "iOS 16.7.16", Version: "16.7.16", Build: "20H392",
			DownloadSize: ptr(int64(412000000)), InstallSize: ptr(int64(800000000)), SupplementalBuildVersion: "20H392",
		},
		{ProductKey: "20H400a", IsSecurityResponse: true, SupplementalOSVersionExtra: "(a)"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("updates (-want +got):\n%s", diff)
	}
	none, err := decodeResult(t, resultOf(raw("AvailableOSUpdates", "<array/>"))).AvailableUpdates()
	if err != nil || none == nil || len(none) != 0 {
		t.Errorf("got %v, %v, want an empty list", none, err)
	}
}

func updateResults() []byte {
	return resultOf(raw("UpdateResults", "<array><dict>"+
		str("ProductKey", "20H392")+str("InstallAction", "DownloadOnly")+str("Status", "Downloading")+"</dict><dict>"+
		str("ProductKey", "20H400a")+str("InstallAction", "Error")+str("Status", "DownloadInsufficientSpace")+
		raw("ErrorChain", "<array><dict>"+raw("ErrorCode", "<integer>12</integer>")+str("ErrorDomain", "d")+"</dict></array>")+"</dict><dict>"+
		str("Status", "WaitingForMoon")+raw("ErrorChain", "<true/>")+"</dict></array>"))
}

func TestUpdateResults(t *testing.T) {
	t.Parallel()
	got, err := decodeResult(t, updateResults()).UpdateResults()
	if err != nil {
		t.Fatal(err)
	}
	want := []mdm.UpdateResult{
		{ProductKey: "20H392", InstallAction: mdm.ActionDownloadOnly, Status: mdm.UpdateDownloading},
		{
			ProductKey: "20H400a", InstallAction: mdm.ActionError, Status: mdm.UpdateDownloadInsufficientSpace,
			ErrorChain: []mdm.ErrorItem{{Code: 12, Domain: "d"}},
		},
		{Status: "WaitingForMoon"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func updateStatuses() []byte {
	return resultOf(raw("OSUpdateStatus", "<array><dict>"+
		str("ProductKey", "20H392")+boolean("IsDownloaded", false)+raw("DownloadPercentComplete", "<real>0.25</real>")+
		str("Status", "Downloading")+"</dict><dict>"+
		str("ProductKey", "20H392")+boolean("IsDownloaded", true)+raw("DownloadPercentComplete", "<integer>1</integer>")+
		str("Status", "Installing")+"</dict><dict>"+
		str("ProductKey", "p")+raw("DownloadPercentComplete", "<integer>25</integer>")+str("Status", "Paused")+"</dict></array>"))
}

func TestOSUpdateStatuses(t *testing.T) {
	t.Parallel()
	got, err := decodeResult(t, updateStatuses()).OSUpdateStatuses()
	if err != nil {
		t.Fatal(err)
	}
	want := []mdm.OSUpdateStatus{
		{ProductKey: "20H392", DownloadComplete: ptr(0.25), Status: mdm.UpdateDownloading},
		{ProductKey: "20H392", IsDownloaded: true, DownloadComplete: ptr(1.0), Status: mdm.UpdateInstalling},
		{ProductKey: "p", Status: "Paused"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

func settingsResults() []byte {
	return resultOf(raw("Settings", "<array><dict>"+str("Status", "Acknowledged")+"</dict><dict>"+str("Status", "Error")+
		raw("ErrorChain", "<array><dict>"+raw("ErrorCode", "<integer>7</integer>")+"</dict></array>")+"</dict></array>"))
}

func TestSettingsResults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body []byte
		want []mdm.SettingsResult
	}{
		"list": {settingsResults(), []mdm.SettingsResult{
			{Status: mdm.Acknowledged},
			{Status: mdm.Error, ErrorChain: []mdm.ErrorItem{{Code: 7}}},
		}},
		"dictionary": {
			resultOf(raw("Settings", "<dict>"+str("Status", "Acknowledged")+"</dict>")),
			[]mdm.SettingsResult{{Status: mdm.Acknowledged}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeResult(t, test.body).SettingsResults()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
		})
	}
}
