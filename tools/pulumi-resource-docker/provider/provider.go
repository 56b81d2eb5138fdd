// Package provider maps the Terraform provider for Docker onto the names that PyPI's pulumi-docker speaks.
package provider

import (
	"strings"
	"unicode"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimlayer "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/terraform-providers/terraform-provider-docker/shim"
)

// Version is that of the Python package whose plugin this is: Pulumi looks a plugin up by name and version.
const Version = "5.2.0"

const prefix = "docker_"

// renamed holds the Terraform names that pulumi-docker does not carry over as they are.
var renamed = map[string]string{
	"docker_image":  "RemoteImage",
	"docker_config": "ServiceConfig",
}

// member is a Terraform name in Pulumi's spelling: docker_registry_image -> RegistryImage.
func member(name string) string {
	if own, ok := renamed[name]; ok {
		return own
	}
	var word strings.Builder
	for _, part := range strings.Split(strings.TrimPrefix(name, prefix), "_") {
		word.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return word.String()
}

// token gives docker:index/<member>:<Member>, the form of every token in pulumi-docker.
func token(member string) tokens.ModuleMember {
	file := string(unicode.ToLower(rune(member[0]))) + member[1:]
	return tokens.ModuleMember("docker:index/" + file + ":" + member)
}

// Info describes the provider to the bridge.
func Info() tfbridge.ProviderInfo {
	terraform := sdkv2.NewProvider(shim.NewProvider(Version))
	info := tfbridge.ProviderInfo{
		P:           terraform,
		Name:        "docker",
		Version:     Version,
		Description: "Docker networks, volumes, containers and images",
		License:     "MPL-2.0",
		Config: map[string]*tfbridge.SchemaInfo{
			"host": {
				Default: &tfbridge.DefaultInfo{Value: "unix:///var/run/docker.sock", EnvVars: []string{"DOCKER_HOST"}},
			},
			"registry_auth": {Name: "registryAuth", MaxItemsOne: tfbridge.False()},
		},
		Resources:   map[string]*tfbridge.ResourceInfo{},
		DataSources: map[string]*tfbridge.DataSourceInfo{},
	}
	terraform.ResourcesMap().Range(func(name string, _ shimlayer.Resource) bool {
		info.Resources[name] = &tfbridge.ResourceInfo{Tok: tokens.Type(token(member(name)))}
		return true
	})
	terraform.DataSourcesMap().Range(func(name string, _ shimlayer.Resource) bool {
		info.DataSources[name] = &tfbridge.DataSourceInfo{Tok: token("get" + member(name))}
		return true
	})

	container := info.Resources["docker_container"]
	// Two containers cannot bear one name or hold one fixed address at the same time.
	container.DeleteBeforeReplace = true
	// Lists in Terraform, but of one thing: pulumi-docker does not put them in the plural.
	container.Fields = map[string]*tfbridge.SchemaInfo{
		"command":           {Name: "command"},
		"networks_advanced": {Name: "networksAdvanced"},
	}
	info.Resources["docker_image"].Fields = map[string]*tfbridge.SchemaInfo{"name": {Name: "name"}}

	info.SetAutonaming(255, "-")
	return info
}
