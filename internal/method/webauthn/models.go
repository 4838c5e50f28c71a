package webauthn

import (
	"github.com/google/uuid"
)

// modelName is what people call the authenticator a key came from, "" for one that
// is not known or hides (the AAGUID of zeros). The ids are public: vendors register
// or document them.
func modelName(aaguid []byte) string {
	id, err := uuid.FromBytes(aaguid)
	if err != nil {
		return ""
	}
	switch id.String() {
	// Platforms and browsers.
	case "fbfc3007-154e-4ecc-8c0b-6e020557d7bd":
		return "iCloud Keychain"
	case "dd4ec289-e01d-41c9-bb89-70fa845d4bf2":
		return "iCloud Keychain (managed)"
	case "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4":
		return "Google Password Manager"
	case "08987058-cadc-4b81-b6e1-30de50dcbe96", "9ddd1817-af5a-4672-a2b9-3e3dd95000a9", "6028b017-b1d4-4c02-b4b3-afcdafc96bb2":
		return "Windows Hello"
	case "53414d53-554e-4700-0000-000000000000":
		return "Samsung Pass"
	case "adce0002-35bc-c60a-648b-0b25f1f05503":
		return "Chrome on Mac"
	case "771b48fd-d3d4-4f74-9232-fc157ab0507a":
		return "Edge on Mac"
	case "b5397666-4885-aa6b-cebf-e52262a439a2":
		return "Chromium"

	// Password managers.
	case "bada5566-a7aa-401f-bd96-45619a55120d":
		return "1Password"
	case "d548826e-79b4-db40-a3d8-11116f7e8349":
		return "Bitwarden"
	case "531126d6-e717-415c-9320-3d9aa6981239":
		return "Dashlane"
	case "f3809540-7f14-49c1-a8b3-8f813b225541":
		return "Enpass"
	case "fdb141b2-5d84-443e-8a35-4698c205a502":
		return "KeePassXC"
	case "0ea242b4-43c4-4a1b-8b17-dd6d0b6baec6":
		return "Keeper"
	case "b84e4048-15dc-4dd0-8640-f4f60813c8af":
		return "NordPass"
	case "50726f74-6f6e-5061-7373-50726f746f6e":
		return "Proton Pass"

	// Security keys.
	case "cb69481e-8ff7-4039-93ec-0a2729a154a8", "ee882879-721c-4913-9775-3dfcce97072a",
		"fa2b99dc-9e39-4257-8f92-4a30d23c4118", "2fc0579f-8113-47ea-b116-bb5a8db9202a":
		return "YubiKey 5"
	case "c5ef55ff-ad9a-4b9f-b580-adebafe026d0":
		return "YubiKey 5Ci"
	case "d8522d9f-575b-4866-88a9-ba99fa02f35b":
		return "YubiKey Bio"
	case "f8a011f3-8c0a-4d15-8006-17111f9edc7d", "6d44ba9b-f6ec-2e49-b930-0c8fe920cb73":
		return "Security Key by Yubico"
	}
	return ""
}
