// Package shim hands out the Terraform provider's constructor.
//
// The provider keeps it in an internal package, which Go opens only to module paths below the provider's own. That is
// why this module bears such a path; go.mod of the plugin replaces it by this folder.
package shim

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// NewProvider makes the Terraform provider for Docker.
func NewProvider(version string) *schema.Provider {
	return provider.New(version)()
}
