import Shared
import TestKit
import Testing

/// `bet-ingest doctor` against our own listeners, and against one that speaks something else.
struct DoctorTests {
    private func doctor(_ ports: DialectPorts, _ dialect: String, _ arguments: [String]) throws -> TestProgram {
        try TestProgram(
            "bet-ingest", ["doctor", "--dialect", dialect] + arguments, in: ports.services.folder.path)
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

    @Test("where nobody listens, it says so")
    func nobody() throws {
        let folder = try TemporaryFolder()
        let program = try TestProgram(
            "bet-ingest", ["doctor", "--dialect", "pipe", "--address", "127.0.0.1:1"], in: folder.path)
        #expect(try program.waitForExit() == 75)
        #expect(program.log.contains("no connection to 127.0.0.1:1"))
    }
}
