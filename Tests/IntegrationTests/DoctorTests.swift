import Shared
import TestKit
import Testing

/// `bet-ingest doctor` against our own listeners, and against one that speaks something else.
struct DoctorTests {
    private func doctor(_ ports: DialectPorts, _ dialect: String, _ arguments: [String]) throws -> TestProgram {
        try TestProgram(
            "bet-ingest", ["doctor", "--yes", "--dialect", dialect] + arguments, in: ports.services.folder.path)
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

    @Test("all cases hold", arguments: Dialects.all.map(\.name))
    func dialects(_ dialect: String) throws {
        let ports = try DialectPorts(settings: ["draw.winningNumber=7"])
        let winners = Dialects.all.first { $0.name == dialect }?.winnersName.map { ports[$0] }
        try holds(dialect, ports[dialect], winners: winners, ports)
        try ports.services.stop()
    }

    @Test("all cases hold for native agencies")
    func native() throws {
        let ports = try DialectPorts(settings: ["draw.winningNumber=7"])
        try holds("native", ports.services.ingestAddress, winners: ports.services.winnersAddress, ports)
        try ports.services.stop()
    }

    @Test("a server that speaks something else fails, and the doctor says at what")
    func sick() throws {
        let ports = try DialectPorts()
        let program = try doctor(ports, "pipe", ["--address", "\(ports["echo"])", "--seconds", "1"])
        #expect(try program.waitForExit() == 65)
        #expect(program.standardOutput.contains("FAILS  a chunk that comes byte by byte is stored"))
        #expect(program.log.contains("it sends 37 bets at most"))
        try ports.services.stop()
    }

    @Test("a native server with a draw of its own is left alone without consent")
    func inUse() throws {
        let services = try Services(agencies: 5)
        let (socket, welcome) = try services.join(3)
        var columns = BetColumnsBuilder()
        columns.append(Samples.bet(1))
        try socket.send(.chunk(columns.takeChunk(sequence: welcome.nextSequence, isLast: false)))
        _ = try socket.receiveMessage()
        let before = try services.command("status").output
        let command =
            "bet-ingest doctor --dialect native --address \(services.ingestAddress) "
            + "--winners-address \(services.winnersAddress)"
        let refused = try ShellScript(command, in: services.folder)
        #expect(refused.code == 64, "\(refused)")
        #expect(refused.errors.contains("it has recorded 1 chunk of agency 3") && refused.errors.contains("--yes"))
        let asked = try ShellScript("echo n | script -qec '\(command)' /dev/null", in: services.folder)
        #expect(asked.code == 64 && asked.output.contains("Go ahead? [y/N]"), "\(asked)")
        #expect(try services.command("status").output == before)
        let agreed = try ShellScript("\(command) --yes --seconds 1", in: services.folder)
        #expect(agreed.errors.contains("The doctor plays agencies 1 to 5"), "\(agreed)")
        #expect(try services.command("status").output != before)
    }

    @Test("where nobody listens, it says so")
    func nobody() throws {
        let folder = try TemporaryFolder()
        let program = try TestProgram(
            "bet-ingest", ["doctor", "--yes", "--dialect", "pipe", "--address", "127.0.0.1:1"], in: folder.path)
        #expect(try program.waitForExit() == 75)
        #expect(program.log.contains("no connection to 127.0.0.1:1"))
    }
}
