import Dialects
import Domain
import Logging
import Platform
import Shell
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

    @Test("the course's variables work, and our own take precedence")
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

    @Test("all faults are reported at once, with source, key, value and range")
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
                "QUINIELA_AGENCES: no key has this environment variable; did you mean QUINIELA_AGENCIES?",
                "config.yaml:1: agencies is \"none\"; a whole number from 1 to 1000000 is expected",
                "QUINIELA_BATCH_MAX_BYTES: batch.maxBytes is \"10\"; a whole number from 1024 to 4194304 is expected",
            ])
    }

    @Test("no dialect has a port by default; the file's example, the environment and flags open them")
    func dialects() throws {
        #expect(try load().get().dialects.isEmpty)
        let example = try Repository.text("config.yaml").replacing("\n# dialects:", with: "\ndialects:")
            .replacing(/\n#( {3}[a-zA-Z]+: "1)/) { "\n \($0.1)" }
        let named = try load(file: example).get().dialects
        #expect(named.map(\.name) == DialectRegistry.ports.map(\.key))
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

    @Test("the variables of the keys have not changed")
    func variables() {
        // Those of the dialects follow from their names.
        let variables = ConfigurationKey.all.filter { !$0.path.hasPrefix("dialects.") }.map(\.variable)
        #expect(ConfigurationKey.all.map(\.variable).contains("QUINIELA_DIALECTS_JSON_WINNERS"))
        #expect(
            variables == [
                "QUINIELA_AGENCIES", "QUINIELA_DRAW_ID", "QUINIELA_DRAW_WINNING_NUMBER", "QUINIELA_DRAW_NUMBER",
                "QUINIELA_CALENDAR", "QUINIELA_ROSTER", "QUINIELA_LEDGER_KIND", "QUINIELA_LEDGER_SERVERS",
                "QUINIELA_LEDGER_REPLICAS", "QUINIELA_LEDGER_TLS_ROOTS", "QUINIELA_LEDGER_TLS_CERTIFICATE",
                "QUINIELA_LEDGER_TLS_KEY", "QUINIELA_TLS_MODE", "QUINIELA_TLS_CERTIFICATE",
                "QUINIELA_TLS_KEY", "QUINIELA_TLS_CLIENT_ROOTS", "QUINIELA_TLS_RELOAD_SECONDS",
                "QUINIELA_OPERATORS_USERS", "QUINIELA_OPERATORS_FOUR_EYES",
                "QUINIELA_INGEST_LISTEN",
                "QUINIELA_INGEST_ADDRESS", "QUINIELA_INGEST_ADDRESSES", "QUINIELA_INGEST_LOOPS",
                "QUINIELA_INGEST_WORKERS", "QUINIELA_INGEST_WINDOW",
                "QUINIELA_INGEST_QUEUE_CAPACITY", "QUINIELA_INGEST_MAX_PER_ADDRESS", "QUINIELA_INGEST_MAX_FRAME_BYTES",
                "QUINIELA_INGEST_BUFFER_BYTES", "QUINIELA_INGEST_HELLO_SECONDS", "QUINIELA_INGEST_FRAME_SECONDS",
                "QUINIELA_INGEST_IDLE_SECONDS", "QUINIELA_CONSOLE_LISTEN", "QUINIELA_CONSOLE_TOKEN_FILE",
                "QUINIELA_WINNERS_LISTEN", "QUINIELA_WINNERS_ADDRESS", "QUINIELA_WINNERS_ADDRESSES",
                "QUINIELA_WINNERS_MAX_CONNECTIONS", "QUINIELA_WINNERS_MAX_PER_ADDRESS", "QUINIELA_WINNERS_KEPT_DRAWS",
                "QUINIELA_BATCH_MAX_AMOUNT",
                "QUINIELA_BATCH_MAX_BYTES", "QUINIELA_RETRY_INITIAL_MILLISECONDS", "QUINIELA_RETRY_MAX_MILLISECONDS",
                "QUINIELA_RETRY_DEADLINE_SECONDS", "QUINIELA_RETRY_DRAW_SECONDS", "QUINIELA_AGENCY_ID",
                "QUINIELA_AGENCY_FILE", "QUINIELA_AGENCY_TOKEN", "QUINIELA_AGENCY_TOKEN_FILE",
                "QUINIELA_AGENCY_TLS_ROOTS", "QUINIELA_AGENCY_TLS_CERTIFICATE", "QUINIELA_AGENCY_TLS_KEY",
                "QUINIELA_DATA",
                "QUINIELA_LOG_LEVEL", "QUINIELA_LOG_FORMAT",
            ])
    }

    @Test("a fault in the YAML is reported with the file")
    func noYAML() {
        #expect(faults(load(file: "ingest: [1, 2")).first?.hasPrefix("config.yaml: ") == true)
        #expect(faults(load(file: "- a\n- b\n")) == ["config.yaml:1: the file must be keys with values"])
        #expect(faults(load(file: "")) == [])
    }

    @Test(
        "a section whose keys are all commented out, and a document without content, count as absent",
        arguments: ["dialects:\n#  pipe: 0.0.0.0:1\n", "log:\n", "ingest: ~\n", "---\n", "--- \n...\n", "# nothing\n"])
    func emptySections(_ file: String) {
        #expect(faults(load(file: file)) == [])
    }

    @Test(
        "a key without a value is reported as such", arguments: ["data:", "data: ~", "data: null", "data: NULL"])
    func nullValues(_ line: String) {
        let faults = faults(load(file: "agencies: 5\n\(line)\n"))
        #expect(faults.count == 1 && faults[0].hasPrefix("config.yaml:2: data has no value"), "\(faults)")
        #expect(self.faults(load(file: "draw:\n  winningNumber:\n")).first?.contains("has no value") == true)
        #expect(self.faults(load(file: "dialects:\n  pipe:\n")) == [])
    }

    @Test("a path is not empty and does not begin with ~", arguments: ["", "~", "~/q", "~ana/q"])
    func paths(_ path: String) {
        for key in ["data", "agency.file"] {
            let faults = faults(load(flags: [key: path]))
            #expect(
                faults.count == 1 && faults[0].hasPrefix("--set: \(key) is \"\(path)\"; a path in full"), "\(faults)")
        }
        #expect(faults(load(environment: ["QUINIELA_DATA": path])).first?.hasPrefix("QUINIELA_DATA: ") == true)
    }

    @Test(
        "the data folder is absolute and has no trailing slash",
        arguments: [
            ("./data", "/srv/data"), ("d", "/srv/d"), ("d/", "/srv/d"), (".", "/srv"), ("/x//", "/x"), ("/", "/"),
            ("../d", "/srv/../d"),
        ])
    func absoluteData(_ data: String, _ expected: String) throws {
        let configuration = try ServiceConfiguration(
            flags: ["data": data], environment: [:], file: nil, workingFolder: "/srv")
        #expect(configuration.data == expected)
        #expect(configuration.values.first { $0.0 == "data" }?.1 == expected)
    }

    @Test("a relative data folder needs a working folder")
    func goneWorkingFolder() throws {
        #expect(throws: ConfigurationError.self) {
            try ServiceConfiguration(flags: ["data": "d"], environment: [:], file: nil, workingFolder: nil)
        }
        let absolute = try ServiceConfiguration(
            flags: ["data": "/d"], environment: [:], file: nil, workingFolder: nil)
        #expect(absolute.data == "/d")
    }

    @Test("the course's address and port are used, and our own take precedence")
    func courseAddresses() throws {
        let course = ["CLI_SERVER_ADDRESS": "server:9000", "SERVER_PORT": "9000"]
        let configuration = try load(environment: course, file: "ingest:\n  listen: 127.0.0.1:1\n").get()
        #expect(configuration.ingest.addresses == [Endpoint(host: "server", port: 9000)])
        #expect(configuration.ingest.listen == Endpoint(host: "127.0.0.1", port: 9000))
        #expect(try load(environment: course).get().ingest.listen == Endpoint(host: "127.0.0.1", port: 9000))
        let ours = course.merging(["QUINIELA_INGEST_LISTEN": "0.0.0.0:1", "QUINIELA_INGEST_ADDRESS": "a:2"]) { $1 }
        #expect(try load(environment: ours).get().ingest.listen.port == 1)
        #expect(try load(environment: ours).get().ingest.addresses.map(\.port) == [2])
        #expect(faults(load(environment: ["CLI_SERVER_ADDRESS": "server"])).count == 1)
        let kubernetes = try load(environment: ["SERVER_PORT": "tcp://10.0.0.7:80"]).get()
        #expect(kubernetes.ingest.listen.port == 12_345 && kubernetes.warnings.isEmpty)
        #expect(try load(environment: ["SERVER_PORT": "http"]).get().warnings.count == 1)
    }

    @Test("WARN is WARNING; an invalid LOGGING_LEVEL is only a warning, because its name is generic")
    func levels() throws {
        #expect(try load(environment: ["LOGGING_LEVEL": "warn"]).get().logLevel == .warning)
        #expect(try load(flags: ["log.level": "WARN"]).get().logLevel == .warning)
        let foreign = try load(environment: ["LOGGING_LEVEL": "verbose"]).get()
        #expect(foreign.logLevel == .info && foreign.warnings.count == 1 && !foreign.isLogLevelChosen)
        #expect(faults(load(environment: ["CLI_LOG_LEVEL": "verbose"])).count == 1)
        #expect(try !load().get().isLogLevelChosen)
        #expect(try load(flags: ["log.level": "INFO"]).get().isLogLevelChosen)
        #expect(try load(environment: ["CLI_LOG_LEVEL": "INFO"]).get().isLogLevelChosen)
        #expect(try load(file: "log:\n  level: INFO\n").get().isLogLevelChosen)
    }

    @Test("the number of event loops is auto or a number")
    func loops() throws {
        #expect(try load().get().ingest.loops == nil)
        #expect(try load(environment: ["QUINIELA_INGEST_LOOPS": "8"]).get().ingest.loops == 8)
        #expect(faults(load(flags: ["ingest.loops": "0"])).count == 1)
    }

    @Test("Kubernetes' variables for services called quiniela are ignored")
    func kubernetes() throws {
        let variables = [
            "QUINIELA_SERVICE_HOST": "10.0.0.7", "QUINIELA_SERVICE_PORT": "12345",
            "QUINIELA_PORT": "tcp://10.0.0.7:12345",
            "QUINIELA_SERVICE_PORT_BETS": "12345", "QUINIELA_PORT_12345_TCP": "tcp://10.0.0.7:12345",
            "QUINIELA_PORT_12345_TCP_ADDR": "10.0.0.7", "QUINIELA_PORT_12345_TCP_PROTO": "tcp",
            "QUINIELA_INGEST_SERVICE_HOST": "10.0.0.8", "QUINIELA_INGEST_PORT": "tcp://10.0.0.8:12345",
            "QUINIELA_WINNERS_PORT_12346_UDP_PORT": "12346",
        ]
        #expect(try load(environment: variables).get().warnings == [])
    }

    @Test(
        "a variable that could be meant for a key is a fault that proposes the key",
        arguments: [
            ("QUINIELA_AGENCES", "QUINIELA_AGENCIES"), ("QUINIELA_WORKERS", "QUINIELA_INGEST_WORKERS"),
            (
                "QUINIELA_LISTEN",
                "QUINIELA_INGEST_LISTEN or QUINIELA_CONSOLE_LISTEN or QUINIELA_WINNERS_LISTEN"
            ),
            ("QUINIELA_INGEST_WROKERS", "QUINIELA_INGEST_WORKERS"), ("QUINIELA_DATTA", "QUINIELA_DATA"),
            ("QUINIELA_BATCH_MAXAMOUNT", "QUINIELA_BATCH_MAX_AMOUNT"), ("QUINIELA_CONFG", "QUINIELA_CONFIG"),
        ])
    func nearMisses(_ name: String, _ proposal: String) {
        #expect(
            faults(load(environment: [name: "1"])) == [
                "\(name): no key has this environment variable; did you mean \(proposal)?"
            ])
    }

    @Test(
        "any other variable with our prefix is a warning",
        arguments: ["QUINIELA_TAG", "QUINIELA_HOME", "QUINIELA_IMAGE", "QUINIELA_CONTAINERS", "QUINIELA_INGEST_PORT"])
    func otherVariables(_ name: String) throws {
        let warnings = try load(environment: [name: "1"]).get().warnings
        #expect(warnings == ["\(name): no key has this environment variable; it is not used"])
    }

    @Test("each value has its source")
    func origins() throws {
        let file = ConfigurationFile(path: "c.yaml", text: "agencies: 7\n")
        let configuration = try ServiceConfiguration(
            flags: ["data": "/d", "log.level": "INFO"], flagNames: ["data": "--data"],
            environment: ["CLI_ID": "3", "QUINIELA_DRAW_ID": "x"], file: file)
        let origins = Dictionary(
            uniqueKeysWithValues: zip(configuration.values.map(\.0), configuration.origins))
        #expect(origins["agencies"] == "c.yaml:1" && origins["data"] == "--data" && origins["log.level"] == "--set")
        #expect(origins["agency.id"] == "CLI_ID" && origins["draw.id"] == "QUINIELA_DRAW_ID")
        #expect(origins["ingest.workers"] == "default" && origins.count == ConfigurationKey.all.count)
    }

    @Test("every key rejects values outside its range")
    func ranges() {
        for key in ConfigurationKey.all {
            #expect(key.accepts(key.defaultText), "the default of \(key.path)")
            #expect(key.accepts("") == key.defaultText.isEmpty, "an empty \(key.path)")
            if case .integer(let range, _) = key.kind {
                #expect(key.accepts("\(range.lowerBound)") && key.accepts("\(range.upperBound)"))
                #expect(!key.accepts("\(range.lowerBound - 1)") && !key.accepts("\(range.upperBound + 1)"))
            }
        }
    }

    @Test("the config.yaml of the repository is valid and has every key with its default")
    func shippedFile() throws {
        let text = try Repository.text("config.yaml")
        let file = ConfigurationFile(path: "config.yaml", text: text)
        #expect(file.faults == [])
        // A level set in the file would disable the agencies' progress bar.
        #expect(text.contains("\n  # level: INFO\n") && file.entries["log.level"] == nil)
        for key in ConfigurationKey.all where !key.defaultText.isEmpty && key.path != "log.level" {
            #expect(file.entries[key.path]?.value == key.defaultText, "config.yaml and the default of \(key.path)")
            let line = file.entries[key.path]?.line ?? 1
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines[line - 2].contains("#"), "config.yaml has a comment above \(key.path)")
        }
    }
}
