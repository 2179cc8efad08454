import Domain
import Foundation
import Glibc
import Platform
import TestKit
import Testing
import WireProtocol

/// Signals, clock and limits of the machine, with the real programs.
struct MachineTests {
    private func start(
        _ folder: TemporaryFolder, program: String = "bet-ingest", data: String = "d", _ arguments: [String] = []
    ) throws -> TestProgram {
        try TestProgram(
            program, ["--data", data, "--listen", "127.0.0.1:0", "--set", "agencies=2"] + arguments, in: folder.path)
    }

    @Test("SIGHUP stops a service gracefully", arguments: ["bet-ingest", "winners-service"])
    func hangUp(_ program: String) throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let service = try start(folder, program: program)
        _ = try service.waitForAddress()
        service.signal(SIGHUP)
        #expect(try service.waitForExit() == 0, "\(service.log)")
        #expect(service.log.contains("action: stop | result: in_progress | by: SIGHUP"))
    }

    @Test("SIGHUP under nohup, SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE and SIGXFSZ do not stop a service")
    func ignoredSignals() throws {
        let folder = try TemporaryFolder()
        let script = try ShellScript(
            """
            nohup bet-ingest --data d --listen 127.0.0.1:0 >log 2>&1 &
            until grep -q accept_connections log; do sleep 0.02; done
            for signal in HUP USR1 USR2 ALRM PIPE XFSZ; do kill -$signal $!; done
            kill -TERM $!; wait $!; echo $?; grep -c 'action: stop.*by: SIGTERM' log
            """, in: folder)
        #expect(script.output == "0\n1\n", "\(script)")
    }

    @Test(
        "a second stop signal ends a service at once, with exit code 128 + its number",
        arguments: [([SIGHUP, SIGINT], 130), ([SIGINT, SIGTERM], 143), ([SIGHUP, SIGTERM], 143)] as [([Int32], Int32)])
    func secondSignal(_ signals: [Int32], _ code: Int32) throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let service = try start(folder)
        // An open connection keeps the service from exiting before it takes the second signal.
        let peer = try TestSocket(try service.waitForAddress())
        try peer.send(.hello(Hello(agency: AgencyID(1))))
        _ = try peer.receiveMessage()
        defer { withExtendedLifetime(peer) {} }
        // Both are pending when it resumes: the lower number is taken first.
        service.signal(SIGSTOP)
        for signal in signals { service.signal(signal) }
        service.signal(SIGCONT)
        #expect(try service.waitForExit() == code, "\(service.log)")
    }

    @Test(
        "a service does not start if the clock is earlier than its program",
        arguments: ["86400", "0", "-86400", "1767225599"], ["bet-ingest", "winners-service"])
    func clock(_ seconds: String, _ program: String) throws {
        let script = try ShellScript(
            "LD_PRELOAD=$SHIM timeout 20 \(program) --data d --listen 127.0.0.1:0", in: try TemporaryFolder(),
            environment: ["FAULT_SHIM_CLOCK": seconds])
        #expect(script.code == 70 && script.errors.contains("the clock of this machine says "), "\(script)")
        #expect(script.errors.contains("before this program was made (2026-01-01)"))
    }

    @Test("a data folder in memory causes a warning")
    func volatileFolder() throws {
        let path = "/dev/shm/quiniela-test-\(UUID().uuidString)"
        try #require(FileSystemType(of: "/dev/shm")?.description == "tmpfs")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let service = try start(folder, data: path)
        _ = try service.waitForAddress()
        service.signal(SIGTERM)
        #expect(try service.waitForExit() == 0)
        #expect(
            service.log.contains(
                "WARNING  action: check_data_folder | result: fail | path: \(path) | file_system: tmpfs | error: "))
    }

    @Test("too low a limit on open files is one error")
    func fewDescriptors() throws {
        for program in ["bet-ingest", "winners-service"] {
            let script = try ShellScript(
                "ulimit -n 20; timeout 20 \(program) --data d --listen 127.0.0.1:0", in: try TemporaryFolder())
            #expect(script.code == 70, "\(script)")
            #expect(script.errors == "Error: the limit on open files is 20 (ulimit -Hn); a service needs at least 64\n")
        }
    }

    @Test("address space below the budget for frames is a configuration error with both numbers")
    func littleAddressSpace() throws {
        let script = try ShellScript(
            "ulimit -v 300000; timeout 20 bet-ingest --data d --listen 127.0.0.1:0", in: try TemporaryFolder())
        #expect(script.code == 78, "\(script)")
        #expect(
            script.errors.contains("ingest.bufferBytes is 268435456 and the limit on address space is 307200000 bytes"))
    }

    /// Shell lines that let root run the program as another user: the limit on threads does not apply to root.
    private static let asOther = """
        user=
        [ "$(id -u)" != 0 ] || user="setpriv --reuid=61234 --regid=61234 --clear-groups"
        chmod 777 .
        """
    /// Whether another user may read the program and Swift's libraries.
    private static let canRunAsOther =
        (try? ShellScript("\(asOther)\n$user bet-ingest --version", in: TemporaryFolder()).code) == 0

    @Test("a thread that cannot start ends a service with 70 and the reason, no trap", .enabled(if: canRunAsOther))
    func fewThreads() throws {
        let script = try ShellScript(
            "\(Self.asOther)\n$user prlimit --nproc=3 timeout 20 $(command -v bet-ingest) --data d --listen 127.0.0.1:0",
            in: try TemporaryFolder())
        #expect(script.code == 70, "\(script)")
        #expect(script.errors.contains("cannot be started: Resource temporarily unavailable (EAGAIN); see ulimit -u"))
    }

    /// bet-ingest has one more, for its control socket.
    @Test(
        "a service has as many event loops as ingest.loops says",
        arguments: [("bet-ingest", 4), ("winners-service", 3)])
    func loops(_ program: String, _ count: Int) throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let service = try start(folder, program: program, ["--set", "ingest.loops=3"])
        _ = try service.waitForAddress()
        let tasks = "/proc/\(service.processID)/task"
        let names = try FileManager.default.contentsOfDirectory(atPath: tasks)
            .map { try String(contentsOfFile: "\(tasks)/\($0)/comm", encoding: .utf8) }
        #expect(names.count { $0.hasPrefix("NIO-ELT") } == count, "\(names)")
    }

    @Test("a flood of invalid messages does not fill the disk with log lines")
    func flood() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let service = try start(folder, ["--set", "dialects.lines=127.0.0.1:0"])
        let socket = try TestSocket(try service.waitForAddress(port: "lines"))
        try socket.send(Array(repeating: UInt8(ascii: "\n"), count: 50_000))
        _ = try socket.receive(20_000)  // answers to more messages than the log has lines in a second
        service.signal(SIGTERM)
        #expect(try service.waitForExit() == 0)
        let lines = service.log.split(separator: "\n")
        let told = lines.count { $0.contains("receive_message | result: fail") }
        #expect(told >= 20 && told < 1000, "\(told) lines")
        #expect(lines.contains { $0.contains("WARNING  action: log | result: fail | suppressed_lines: ") })
        #expect(lines.last?.contains("action: exit") == true)
    }

    @Test("without free descriptors a service waits instead of spinning, logs it, and resumes afterwards")
    func noDescriptors() throws {
        let folder = try TemporaryFolder()
        let service = try start(folder)
        let address = try service.waitForAddress()
        let first = try ShellScript("prlimit --pid \(service.processID) --nofile=20:4096", in: folder)
        #expect(first.code == 0, "\(first)")
        let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(service.processID)/fd").count
        let crowd = try (0..<(60 - min(open, 40))).map { _ in try TestSocket(address) }
        try service.waitForLog(
            "WARNING  action: accept_connections | result: fail | port: ingest | error: Too many open files")
        let before = try Self.ticks(service.processID)
        // A connection that is not accepted gets no answer: this waits without sleeping.
        let waiting = try TestSocket(address, receiveSeconds: 3)
        #expect(throws: (any Error).self) { _ = try waiting.receiveMessage() }
        let ticks = try Self.ticks(service.processID) - before
        #expect(ticks < 60, "\(ticks) of 300 ticks in three seconds")
        withExtendedLifetime(crowd) {}
        let second = try ShellScript("prlimit --pid \(service.processID) --nofile=4096:4096", in: folder)
        #expect(second.code == 0, "\(second)")
        withExtendedLifetime(waiting) {}
        guard case .welcome = try TestSocket.welcomed(address) else {
            Issue.record("no WELCOME: \(service.log)")
            return
        }
        service.signal(SIGTERM)
        #expect(try service.waitForExit() == 0)
    }

    @Test("winners-service without free descriptors logs it, and serves again afterwards")
    func noDescriptorsForWinners() throws {
        let folder = try TemporaryFolder()
        let service = try start(folder, program: "winners-service")
        let address = try service.waitForAddress()
        let first = try ShellScript("prlimit --pid \(service.processID) --nofile=20:4096", in: folder)
        #expect(first.code == 0, "\(first)")
        let crowd = try (0..<20).map { _ in try TestSocket(address) }
        try service.waitForLog(
            "WARNING  action: accept_connections | result: fail | port: winners | error: Too many open files")
        let second = try ShellScript("prlimit --pid \(service.processID) --nofile=4096:4096", in: folder)
        #expect(second.code == 0, "\(second)")
        guard case .welcome = try TestSocket.welcomed(address) else {
            Issue.record("no WELCOME: \(service.log)")
            return
        }
        withExtendedLifetime(crowd) {}
        service.signal(SIGTERM)
        #expect(try service.waitForExit() == 0)
    }

    @Test(
        "a service that finds no free descriptor for a file tries again",
        arguments: [
            // The first open of the ledger drops it from the page cache; the second reads it.
            "open data/draws/default/bets.ledger 1", "open data/draws/default/bets.ledger 2",
            // To sync the folder.
            "open data/draws/default 1",
        ])
    func noDescriptorForFile(_ call: String) throws {
        let folder = try TemporaryFolder()
        let trace = folder.path + "/trace"
        let service = try TestProgram.start(
            .ingest, data: folder.path + "/data", agencies: 2,
            environment: [
                "LD_PRELOAD": TestProgram.faultShim, "FAULT_SHIM_FOLDER": folder.path, "FAULT_SHIM_TRACE": trace,
                "FAULT_SHIM_CALL": call, "FAULT_SHIM_EFFECT": "before", "FAULT_SHIM_ERRNO": "\(EMFILE)",
            ], in: folder.path)
        try service.waitForLog("accept_connections", orAny: ["action: exit"])
        service.signal(SIGTERM)
        #expect(try service.waitForExit() == 0, "\(service.log)")
        #expect(try String(contentsOfFile: trace, encoding: .utf8).contains("! \(call)\n"))
    }

    @Test(
        "winners-service on a folder that it may not read says so once, and stops as usual",
        .enabled(if: canRunAsOther))
    func forbiddenFolder() throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/d"
        try FileManager.default.createDirectory(atPath: data + "/draws/default", withIntermediateDirectories: true)
        for (path, mode) in [(folder.path, 0o755), (data, 0)] as [(String, mode_t)] { #expect(chmod(path, mode) == 0) }
        let asOther = ["/usr/bin/setpriv", "--reuid=61234", "--regid=61234", "--clear-groups"]
        let command = (getuid() == 0 ? asOther : []) + ["\(TestProgram.folder)/winners-service"]
        let service = try TestProgram(
            command[0], command[1...] + ["--data", data, "--listen", "127.0.0.1:0"], in: folder.path)
        try service.waitForLog(
            "WARNING  action: load_result | result: in_progress | path: \(data)/draws/default | "
                + "error: the folder does not exist or is not readable")
        service.signal(SIGTERM)
        #expect(try service.waitForExit() == 0)
        #expect(chmod(data, 0o700) == 0)
    }

    /// Reads the CPU time of a process, in hundredths of a second.
    private static func ticks(_ processID: Int32) throws -> Int {
        let fields =
            try String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8)
            .split(separator: ")").last?.split(separator: " ") ?? []
        return (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0)
    }
}

extension TestSocket {
    /// Sends HELLO on a new connection and reads the answer.
    fileprivate static func welcomed(_ endpoint: Endpoint) throws -> Message {
        let socket = try TestSocket(endpoint)
        try socket.send(.hello(Hello(agency: AgencyID(2))))
        return try socket.receiveMessage()
    }
}
