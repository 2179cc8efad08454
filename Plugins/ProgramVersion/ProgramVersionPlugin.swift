import Foundation
import PackagePlugin

/// A plugin that writes the version from git into a Swift file before each build.
///
/// The file is replaced only if the version has changed, so that unchanged builds do not compile it again. Without git
/// or `.git` the version is `unknown`. QUINIELA_VERSION in the build's environment overrides it, for example for an
/// image.
@main
struct ProgramVersionPlugin: BuildToolPlugin {
    private static let script = #"""
        version=$QUINIELA_VERSION
        # Only if this folder is the top of a repository: what was unpacked inside another one has not its version.
        if [ -z "$version" ] && prefix=$(git -C "$1" rev-parse --show-prefix 2>/dev/null) && [ -z "$prefix" ]; then
            version=$(git --no-optional-locks -C "$1" describe --tags --always --dirty 2>/dev/null)
        fi
        version=${version:-unknown}
        case $version in *[!A-Za-z0-9._+-]*) version=unknown ;; esac
        text="/// The version of the programs, for CLinux.
        @_cdecl(\"quiniela_build_version\")
        public func quinielaBuildVersion() -> UnsafeRawPointer {
            let text: StaticString = \"$version\"
            return UnsafeRawPointer(text.utf8Start)
        }"
        file=$2/ProgramVersion.swift
        [ "$(cat "$file" 2>/dev/null)" = "$text" ] || printf '%s\n' "$text" >"$file"
        """#

    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let folder = context.pluginWorkDirectoryURL
        return [
            .prebuildCommand(
                displayName: "version", executable: URL(fileURLWithPath: "/bin/sh"),
                arguments: ["-c", Self.script, "sh", context.package.directoryURL.path, folder.path],
                outputFilesDirectory: folder)
        ]
    }
}
