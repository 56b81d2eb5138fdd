// Command pulumi-resource-docker is the Pulumi plugin that PyPI's pulumi-docker talks to: a bridge of the Terraform
// provider for Docker. It is built from Go modules where no ready plugin is at hand.
//
// Before `go build`, `go run ./schema > generated/schema.json` makes the schema that is embedded here.
package main

import (
	"embed"

	"idc/tools/pulumi-resource-docker/provider"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
)

// A folder, not the file itself, so that vet and editors work before the schema has been made.
//
//go:embed generated
var generated embed.FS

func main() {
	schema, err := generated.ReadFile("generated/schema.json")
	if err != nil {
		cmdutil.ExitError("built without its schema: run `go run ./schema > generated/schema.json` before `go build`")
	}
	tfbridge.Main("docker", provider.Version, provider.Info(), schema)
}
