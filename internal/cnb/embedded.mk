# What the binary carries for builds: the lifecycle, its launcher and the buildpacks, static and
# packed. Included by the Makefile at the top; the target is "embedded".

EMBEDDED_DIR     := internal/cnb/embedded
LIFECYCLE_MODULE := github.com/buildpacks/lifecycle
LIFECYCLE_FLAGS   = -s -w -X $(LIFECYCLE_MODULE)/cmd.Version=$(LIFECYCLE_VERSION)
LIFECYCLE_VERSION = $(shell sed -n 's|^.*$(LIFECYCLE_MODULE) v\([0-9.]*\).*|\1|p' go.mod)
# Rebuilt when the machine that they are for changes.
EMBEDDED_ARCH    := $(shell $(GO) env GOARCH)
EMBEDDED_STAMP   := $(EMBEDDED_DIR)/.$(EMBEDDED_ARCH)
# As small as it gets; the window is what whoever unpacks needs of memory. It takes half a minute.
PACK             := zstd --ultra -22 --long=24 --quiet --stdout
BUILDPACK_FILES  := $(shell find cmd/lugsail-buildpack internal/buildpack internal/command internal/procfile -name '*.go' ! -name '*_test.go')

.PHONY: embedded
embedded: $(EMBEDDED_DIR)/lifecycle.zst $(EMBEDDED_DIR)/launcher.zst $(EMBEDDED_DIR)/buildpack.zst

$(EMBEDDED_STAMP):
	rm -f $(EMBEDDED_DIR)/.amd64 $(EMBEDDED_DIR)/.arm64
	touch $@

$(EMBEDDED_DIR)/lifecycle.zst $(EMBEDDED_DIR)/launcher.zst: $(EMBEDDED_DIR)/%.zst: $(EMBEDDED_STAMP) go.mod internal/cnb/embedded.mk
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LIFECYCLE_FLAGS)' -o $(EMBEDDED_DIR)/.$* $(LIFECYCLE_MODULE)/cmd/$*
	$(PACK) $(EMBEDDED_DIR)/.$* > $(EMBEDDED_DIR)/.$(@F) && mv $(EMBEDDED_DIR)/.$(@F) $@ && rm $(EMBEDDED_DIR)/.$*

$(EMBEDDED_DIR)/buildpack.zst: $(EMBEDDED_STAMP) $(BUILDPACK_FILES) go.mod internal/cnb/embedded.mk
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o $(EMBEDDED_DIR)/.buildpack ./cmd/lugsail-buildpack
	$(PACK) $(EMBEDDED_DIR)/.buildpack > $(EMBEDDED_DIR)/.$(@F) && mv $(EMBEDDED_DIR)/.$(@F) $@ && rm $(EMBEDDED_DIR)/.buildpack
