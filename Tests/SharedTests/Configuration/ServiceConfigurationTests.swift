import Logging
import Shared
import TestKit
import Testing

struct ServiceConfigurationTests {
    private func load(
        flags: [String: String] = [:], environment: [String: String] = [:], file: String? = nil
    ) -> Result<ServiceConfiguration, ConfigurationError> {
        Result { () throws(ConfigurationError) in
            try ServiceConfiguration(
                flags: flags, environment: environment,
                file: file.map { ConfigurationFile(path: "config.yaml", text: $0) })
        }
    }

    private func faults(_ result: Result<ServiceConfiguration, ConfigurationError>) -> [String] {
        if case .failure(let error) = result { error.faults } else { [] }
    }

    @Test("flags win over the environment, the environment over the file, the file over the default")
    func precedence() throws {
        let file = "ingest:\n  workers: 2\n"
        let environment = ["QUINIELA_INGEST_WORKERS": "3"]
        #expect(try load().get().ingest.workers == 4)
        #expect(try load(file: file).get().ingest.workers == 2)
        #expect(try load(environment: environment, file: file).get().ingest.workers == 3)
        #expect(
            try load(flags: ["ingest.workers": "5"], environment: environment, file: file).get().ingest.workers == 5)
    }

    @Test("the course's variables work, and ours win over them")
    func aliases() throws {
        let course = ["CLI_ID": "3", "CLI_LOG_LEVEL": "debug", "CLI_BATCH_MAXAMOUNT": "7"]
        let configuration = try load(environment: course).get()
        #expect(configuration.agency == AgencyID(3))
        #expect(configuration.logLevel == .debug)
        #expect(configuration.maxChunkBets == 7)
        #expect(configuration.agencyFile == "data/agency-3.csv")
        #expect(try load(environment: ["LOGGING_LEVEL": "ERROR"]).get().logLevel == .error)
        let both = course.merging(["QUINIELA_BATCH_MAX_AMOUNT": "8"]) { $1 }
        #expect(try load(environment: both).get().maxChunkBets == 8)
    }

    @Test("every fault is reported at once, with place, key, value and range")
    func everyFault() {
        let result = load(
            flags: ["ingest.wrokers": "1"],
            environment: ["QUINIELA_BATCH_MAX_BYTES": "10", "QUINIELA_AGENCES": "5"],
            file: "agencies: none\ningest:\n  lisen: x\nlog: 7\n")
        #expect(
            faults(result) == [
                "config.yaml:3: unknown key ingest.lisen; did you mean ingest.listen?",
                "config.yaml:4: log must be keys with values",
                "--set ingest.wrokers: unknown key; did you mean ingest.workers?",
                "QUINIELA_AGENCES: no key has this environment variable; see docs/operations.md",
                "config.yaml:1: agencies is \"none\"; a whole number from 1 to 1000000 is expected",
                "QUINIELA_BATCH_MAX_BYTES: batch.maxBytes is \"10\"; a whole number from 1024 to 4194304 is expected",
            ])
    }

    @Test("no dialect has a port by default; the file's example, the environment and flags open them")
    func dialects() throws {
        #expect(try load().get().dialects.isEmpty)
        let example = try Repository.text("config.yaml").replacing("\n# dialects:", with: "\ndialects:")
            .replacing(/\n#( {3}[a-zA-Z]+: "0)/) { "\n \($0.1)" }
        let named = try load(file: example).get().dialects
        #expect(named.map(\.name) == ["semicolon", "lines", "tlv", "json", "jsonWinners", "pipe", "echo"])
        #expect(named.map(\.endpoint.port) == Array(12350...12356))
        #expect(named.filter(\.isWinners).map(\.name) == ["jsonWinners"])
        let environment = ["QUINIELA_DIALECTS_PIPE": "[::1]:1", "QUINIELA_DIALECTS_JSON_WINNERS": "0.0.0.0:2"]
        let both = try load(flags: ["dialects.echo": "0.0.0.0:3"], environment: environment).get().dialects
        #expect(both.map(\.name) == ["jsonWinners", "pipe", "echo"])
        #expect(
            faults(load(file: "dialects:\n  pipe: here\n  pip: 0.0.0.0:1\n")) == [
                "config.yaml:3: unknown key dialects.pip; did you mean dialects.pipe?",
                "config.yaml:2: dialects.pipe is \"here\"; host:port, for example 127.0.0.1:12345 or [::1]:12345 is expected",
            ])
    }

    @Test("a file that is no YAML says where")
    func noYAML() {
        #expect(faults(load(file: "ingest: [1, 2")).first?.hasPrefix("config.yaml: ") == true)
        #expect(faults(load(file: "- a\n- b\n")) == ["config.yaml:1: the file must be keys with values"])
        #expect(faults(load(file: "")) == [])
    }

    @Test("every key refuses what lies outside its range")
    func ranges() {
        for key in ConfigurationKey.all {
            #expect(key.accepts(key.defaultText), "the default of \(key.path)")
            #expect(key.accepts("") == key.path.hasPrefix("dialects."), "an empty \(key.path)")
            if case .integer(let range, _) = key.kind {
                #expect(key.accepts("\(range.lowerBound)") && key.accepts("\(range.upperBound)"))
                #expect(!key.accepts("\(range.lowerBound - 1)") && !key.accepts("\(range.upperBound + 1)"))
            }
        }
    }

    @Test("the config.yaml of the repository is valid, has every key and says each default")
    func shippedFile() throws {
        let text = try Repository.text("config.yaml")
        let file = ConfigurationFile(path: "config.yaml", text: text)
        #expect(file.faults == [])
        for key in ConfigurationKey.all where !key.path.hasPrefix("dialects.") {
            #expect(file.entries[key.path]?.value == key.defaultText, "config.yaml and the default of \(key.path)")
            let line = file.entries[key.path]?.line ?? 1
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines[line - 2].contains("#"), "config.yaml has a comment above \(key.path)")
        }
    }
}
