// Command schema prints the plugin's Pulumi schema. It runs once, when the plugin is built: see main.go.
package main

import (
	"encoding/json"
	"os"

	"idc/tools/pulumi-resource-docker/provider"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
)

func main() {
	// The generator reports missing documentation as it goes; what matters is returned as an error.
	sink := diag.DefaultSink(os.Stderr, os.Stderr, diag.FormatOptions{Color: colors.Never})
	schema, err := tfgen.GenerateSchema(provider.Info(), sink)
	if err != nil {
		cmdutil.ExitError(err.Error())
	}
	if err := json.NewEncoder(os.Stdout).Encode(schema); err != nil {
		cmdutil.ExitError(err.Error())
	}
}
