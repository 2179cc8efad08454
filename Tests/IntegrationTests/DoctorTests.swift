import AgencyLanguages
import Dialects
import Platform
import TestKit
import Testing
import WireProtocol

/// `agency doctor` against the services, and against a server of another protocol.
struct DoctorTests {
    private func doctor(_ ports: DialectPorts, _ dialect: String, _ arguments: [String]) throws -> TestProgram {
        try TestProgram(
            "agency", ["doctor", "--yes", "--dialect", dialect] + arguments, in: ports.services.folder.path)
    }

    private func holds(_ dialect: String, _ address: Endpoint, winners: Endpoint?, _ ports: DialectPorts) throws {
        let program = try doctor(
            ports, dialect,
            ["--address", "\(address)", "--winning-number", "7"]
                + (winners.map { ["--winners-address", "\($0)"] } ?? []))
        #expect(try program.waitForExit() == 0, "\(program.standardOutput)\n\(program.log)")
        let output = program.standardOutput
        #expect(!output.contains("FAILS") && output.contains("cases hold"), "\(output)")
    }

    @Test("all cases pass", arguments: DialectPair.all.map(\.language.name) + ["echo"])
    func dialects(_ dialect: String) throws {
        let ports = try DialectPorts(settings: ["draw.winningNumber=7"])
        let winners = DialectRegistry.all.first { $0.name == dialect }?.winnersName.map { ports[$0] }
        try holds(dialect, ports[dialect], winners: winners, ports)
        try ports.services.stop()
    }

    @Test("all cases pass for native agencies")
    func native() throws {
        let ports = try DialectPorts(settings: ["draw.winningNumber=7"])
        try holds("native", ports.services.ingestAddress, winners: ports.services.winnersAddress, ports)
        try ports.services.stop()
    }

    @Test("a server of another protocol fails, and the doctor names the failed cases")
    func sick() throws {
        let ports = try DialectPorts()
        let program = try doctor(ports, "pipe", ["--address", "\(ports["echo"])", "--seconds", "1"])
        #expect(try program.waitForExit() == 65)
        #expect(program.standardOutput.contains("FAILS  a chunk that arrives byte by byte is stored"))
        #expect(program.log.contains("it sends at most 37 bets"))
        try ports.services.stop()
    }

    @Test("without consent the doctor sends nothing to the server")
    func consent() throws {
        let services = try Services(agencies: 5)
        let (socket, welcome) = try services.join(3)
        let command =
            "agency doctor --dialect native --address \(services.ingestAddress) "
            + "--winners-address \(services.winnersAddress)"
        let rejected = try ShellScript(command, in: services.folder)
        #expect(rejected.code == 64 && rejected.errors.contains("--yes"), "\(rejected)")
        let asked = try ShellScript("echo n | script -qec '\(command)' /dev/null", in: services.folder)
        #expect(asked.code == 64 && asked.output.contains("a fresh server that nobody else uses?"), "\(asked)")
        // The connected agency was not taken over.
        try socket.send(.chunk(Samples.chunk(sequence: welcome.nextSequence, bets: [Samples.bet(1)])))
        guard case .chunkProcessed = try socket.receiveMessage() else {
            Issue.record("the agency's chunk was not processed")
            return
        }
        let agreed = try ShellScript("\(command) --yes --seconds 1", in: services.folder)
        #expect(agreed.errors.contains("The doctor plays agencies 1 to 5"), "\(agreed)")
    }

    @Test("agency dump prints the messages of docs/dialects.md", arguments: DialectPair.all)
    func dump(_ pair: DialectPair) throws {
        let name = pair.dialect.name
        let outcome = try ShellScript("agency dump --dialect \(name)", in: TemporaryFolder())
        let chunk = Repository.dump("\(name)-chunk", text: outcome.output)
        #expect(
            try outcome.code == 0 && chunk == Repository.dump("\(name)-chunk", in: "docs/dialects.md"), "\(outcome)")
    }

    @Test("bet-ingest doctor points to agency doctor")
    func moved() throws {
        let outcome = try ShellScript("bet-ingest doctor --dialect pipe --yes", in: TemporaryFolder())
        #expect(outcome.code == 64 && outcome.errors.contains("agency doctor"), "\(outcome)")
    }

    @Test("an address where nothing listens is reported")
    func nobody() throws {
        let folder = try TemporaryFolder()
        let program = try TestProgram(
            "agency", ["doctor", "--yes", "--dialect", "pipe", "--address", "127.0.0.1:1"], in: folder.path)
        #expect(try program.waitForExit() == 75)
        #expect(program.log.contains("no connection to 127.0.0.1:1"))
    }
}
