import Foundation
import Glibc
import Platform
import Shell
import TestKit
import Testing

/// Three real NATS servers, as `scripts/cluster` starts them, in a folder of the test's own.
final class RealCluster: Sendable {
    /// The programs must have been built with the trait `JetStream`: `make check-cluster` says so.
    static let isBuilt: ConditionTrait = .enabled(
        if: ProcessInfo.processInfo.environment["CLUSTER"] == "1", "skipped: make check-cluster runs it")
    /// `make faults-cluster` runs every fault 20 times.
    static let isFull = ProcessInfo.processInfo.environment["FAULTS"] == "full"
    /// How often each fault is tried.
    static let runs = isFull ? Int(ProcessInfo.processInfo.environment["FAULT_RUNS"] ?? "20") ?? 20 : 1
    /// How long something is paused or cut off.
    static let faultDuration = Duration.seconds(isFull ? 30 : 4)

    /// Whether `FAULT_ONLY=pauseNode,fullDisk` names a fault, or none.
    static func isChosen(_ fault: String) -> Bool {
        let names = ProcessInfo.processInfo.environment["FAULT_ONLY"]?.split(separator: ",").map(String.init)
        return names?.contains(fault) ?? true
    }

    /// The time for which a fault lasts.
    static func pause(_ duration: Duration) { _ = Monitor(false).wait(until: .now + duration) { $0 ? true : nil } }

    let folder: TemporaryFolder
    let port: Int
    /// Nil: everything is on loopback.
    let network: ClusterNetwork?

    /// The mounted disk of a server, if it has one of its own.
    private let disk: String?

    /// - Parameters:
    ///   - limitedServer: a server whose disk is small and can be filled or made read-only; needs root.
    ///   - isNetwork: whether each server and node is a machine of its own in a ``ClusterNetwork``.
    init(limitedServer: Int? = nil, isNetwork: Bool = false) throws {
        folder = try TemporaryFolder()
        network = isNetwork ? try ClusterNetwork(in: folder) : nil
        port = Int.random(in: 2000..<3000) * 10
        disk = limitedServer.map { [folder] in "\(folder.path)/cluster/data-\($0)" }
        if let disk { try shell("mkdir -p '\(disk)' && mount -t tmpfs -o size=96m none '\(disk)'") }
        try run("up")
    }

    deinit {
        _ = try? run("down")
        if let disk { _ = try? shell("umount '\(disk)'") }
    }

    private func shell(_ command: String) throws {
        let script = try ShellScript(command, in: folder)
        if script.code != 0 { throw Failure("\(command): \(script)") }
    }

    /// Fills the limited server's disk to the last byte.
    func fillDisk() throws { _ = try? shell("dd if=/dev/zero of='\(disk ?? "")/filler' bs=64k 2>/dev/null") }

    func freeDisk() throws { try shell("rm '\(disk ?? "")/filler'") }

    /// Remounts the limited server's disk.
    ///
    /// - Parameter mode: `ro` or `rw`.
    func setDisk(_ mode: String) throws {
        // A killed server keeps its files open until the kernel has ended it.
        let remount = "mount -o remount,\(mode) '\(disk ?? "")' 2>/dev/null"
        try shell("for try in {1..100}; do \(remount) && exit 0; sleep 0.1; done; exit 1")
    }

    /// Stops all servers, flips a bit in what some have stored of a draw, the same in each, and starts them again.
    ///
    /// A server may catch up without end afterwards: the others cannot copy a damaged message to it.
    func flipBit(ofStream draw: String, of servers: [Int]) throws {
        // In good order: a server that is killed has the messages in its Raft log too, and stores them again.
        try run("down")
        let places = servers.map { server in
            "\(folder.path)/cluster/data-\(server)/jetstream/LOTTERY/streams/QUINIELA_\(draw)/msgs"
        }
        let blocks = try FileManager.default.contentsOfDirectory(atPath: places[0]).filter { $0.hasSuffix(".blk") }
        guard let block = blocks.randomElement() else { throw Failure("no blocks in \(places[0])") }
        let files = places.map { URL(fileURLWithPath: "\($0)/\(block)") }
        // One may lack the newest messages of the others.
        let contents = try files.map { try Data(contentsOf: $0) }
        let byte = Int.random(in: 0..<max(1, contents.map(\.count).min() ?? 0))
        let bit = UInt8.random(in: 0..<8)
        for (file, var bytes) in zip(files, contents) {
            bytes[byte] ^= 1 << bit
            try bytes.write(to: file)
        }
        let all = contents.map { "\($0.count)" }.joined(separator: ", ")
        try writeOutput("bit \(bit) of byte \(byte) of \(block) flipped in servers \(servers), which have \(all) bytes")
        for server in 1...3 { try run("start \(server)") }
    }

    /// Runs a command of `scripts/cluster`.
    @discardableResult
    func run(_ command: String) throws -> String {
        let script = try ShellScript(
            "\(Repository.root)/scripts/cluster \(command)", in: folder,
            environment: [
                "PROGRAMS": TestProgram.folder, "CLUSTER_FOLDER": folder.path + "/cluster", "CLUSTER_PORT": "\(port)",
                "CLUSTER_NETWORK": network == nil ? "" : ClusterNetwork.name,
            ], seconds: 60)
        if script.code != 0 { throw Failure("scripts/cluster \(command): \(script)") }
        return script.output
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String

        init(_ description: String) { self.description = description }
    }

    private func host(of server: Int) -> String { network == nil ? "127.0.0.1" : ClusterNetwork.address(of: server) }

    /// The settings of a service that uses the cluster as a user.
    func settings(_ user: String, replicas: Int = 3) -> [String] {
        let pki = folder.path + "/cluster/pki"
        let servers = (1...3).map { "\(host(of: $0)):\(port + $0 - 1)" }.joined(separator: ",")
        return [
            "ledger.kind=jetstream", "ledger.servers=\(servers)", "ledger.replicas=\(replicas)",
            "ledger.tls.roots=\(pki)/root.pem", "ledger.tls.certificate=\(pki)/\(user).pem",
            "ledger.tls.key=\(pki)/\(user).key",
        ]
    }

    /// The number of the server that leads a stream; nil during an election.
    func leader(of stream: String) -> Int? {
        for number in 1...3 {
            guard let info = status(of: number, "/jsz?streams=1&accounts=1"),
                let name = info.firstMatch(
                    of: #/"name": ?"\#(stream)".*?"leader": ?"quiniela-(\d)[^"]*"/#.dotMatchesNewlines())
            else { continue }
            return Int(name.1)
        }
        return nil
    }

    /// The answer of a server's monitoring port; nil without one.
    private func status(of server: Int, _ path: String) -> String? {
        let script = try? ShellScript(
            "curl --silent --max-time 2 'http://\(host(of: server)):\(port + server + 2)\(path)'", in: folder)
        return script.flatMap { $0.code == 0 ? $0.output : nil }
    }

    /// Waits until every server is healthy.
    func waitUntilHealthy(seconds: Int = 90) throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            let status = try run("status")
            if status.split(separator: "\n").count(where: { $0.contains("healthy, leader quiniela-") }) == 3 { return }
            guard ContinuousClock.now < deadline else { throw Failure("the servers are not healthy:\n\(status)") }
            Self.pause(.milliseconds(200))
        }
    }
}

/// The nodes, a winners-service and the agencies of one draw on a cluster.
final class ClusterDraw {
    let cluster: RealCluster
    let draw: String
    let folder: String
    let agencies: Int
    private let settings: [String]
    private(set) var nodes: [TestProgram] = []
    private(set) var addresses: [Endpoint] = []
    private(set) var winners: TestProgram
    let winnersAddress: Endpoint
    private var isStopped = false

    init(_ cluster: RealCluster, _ draw: String, nodes count: Int = 3, agencies: Int, settings: [String] = []) throws {
        self.cluster = cluster
        self.draw = draw
        self.agencies = agencies
        self.settings = ["draw.id=\(draw)"] + settings
        folder = cluster.folder.path + "/" + draw
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        winners = try TestProgram.start(
            .winners, data: folder + "/winners", agencies: agencies,
            settings: ["draw.id=\(draw)"] + cluster.settings("winners"), in: folder)
        winnersAddress = try winners.waitForAddress()
        for number in 0..<count {
            let host = cluster.network == nil ? "127.0.0.1" : ClusterNetwork.address(of: ClusterNetwork.nodes[number])
            nodes.append(try node(number, listen: host + ":0"))
        }
        addresses = try nodes.map { try $0.waitForAddress() }
    }

    /// Prints the nodes' logs if the test ended with an error.
    deinit {
        if isStopped { return }
        for (number, node) in nodes.enumerated() {
            let lines = node.log.split(separator: "\n").filter { !$0.contains("apuesta_") }
            try? writeOutput("node \(number):\n\(lines.suffix(30).joined(separator: "\n"))")
        }
    }

    func data(_ node: Int) -> String { folder + "/node-\(node)" }

    private func node(_ number: Int, listen: String) throws -> TestProgram {
        let settings = settings + cluster.settings("ingest")
        guard cluster.network != nil else {
            return try TestProgram.start(
                .ingest, data: data(number), agencies: agencies, listen: listen, settings: settings, in: folder)
        }
        let namespace = ClusterNetwork.namespace(of: ClusterNetwork.nodes[number])
        return try TestProgram(
            "/usr/sbin/ip",
            [
                "netns", "exec", namespace, TestProgram.folder + "/bet-ingest", "--data", data(number), "--listen",
                listen,
            ]
                + (["agencies=\(agencies)"] + settings).flatMap { ["--set", $0] }, in: folder)
    }

    /// Kills a node and starts it again on its port.
    func restart(_ number: Int) throws {
        nodes[number].signal(SIGKILL)
        _ = try nodes[number].waitForExit()
        nodes[number] = try node(number, listen: "\(addresses[number])")
    }

    /// Starts an agency, which goes from node to node.
    ///
    /// - Parameters:
    ///   - offset: moves the first node.
    ///   - other: a draw besides the configured one.
    func agency(
        _ id: Int, file: String, settings: [String] = [], from offset: Int = 0, draw other: String? = nil
    ) throws -> TestProgram {
        let first = (id + offset) % addresses.count
        let order = (addresses[first...] + addresses[..<first]).map(\.description).joined(separator: ",")
        let all =
            [
                "draw.id=\(other ?? draw)", "ingest.addresses=\(order)", "winners.address=\(winnersAddress)",
                "retry.maxMilliseconds=500",
            ]
            + settings
        return try TestProgram(
            "agency", ["--id", "\(id)", "--file", file, "--output", "json"] + all.flatMap { ["--set", $0] }, in: folder)
    }

    /// Runs a command of a node.
    ///
    /// - Parameter other: a draw besides the configured one.
    func command(_ words: String..., node: Int, draw other: String? = nil) throws -> String {
        let program = try TestProgram(
            "bet-ingest",
            words + [
                "--data", data(node), "--set", "draw.id=\(other ?? draw)", "--set", "agencies=\(agencies)",
            ] + cluster.settings("ingest").flatMap { ["--set", $0] }, in: folder)
        let code = try program.waitForExit()
        if code != 0 { throw RealCluster.Failure("bet-ingest \(words): \(code)\n\(program.log)") }
        return program.standardOutput
    }

    func stop() throws {
        for program in nodes + [winners] {
            program.signal(SIGCONT)
            program.signal(SIGTERM)
        }
        for program in nodes + [winners] { _ = try program.waitForExit() }
        isStopped = true
    }
}

/// The rows that agencies have sent, compared with those that a ledger has.
struct Audit: CustomStringConvertible {
    var acknowledged = 0
    var stored = 0
    var lost = 0
    var twice = 0

    /// The audit of a draw without a result.
    init() {}

    /// Compares the files of agencies 1, 2, 3 … with the export of a ledger.
    ///
    /// - Parameters:
    ///   - acknowledged: the first rows of each file, as its agency says.
    init(files: [String], export: String, acknowledged: [Int]) throws {
        self.acknowledged = acknowledged.reduce(0, +)
        var rows: [Substring: Int] = [:]
        for row in export.split(whereSeparator: \.isNewline) {
            rows[row, default: 0] += 1
            stored += 1
        }
        for (index, file) in files.enumerated() {
            let lines = try String(contentsOfFile: file, encoding: .utf8).split(whereSeparator: \.isNewline)
            for (position, line) in lines.enumerated() {
                let row = Substring("\(index + 1),\(line)")
                if let count = rows[row] {
                    rows[row] = count == 1 ? nil : count - 1
                } else if position < acknowledged[index] {
                    lost += 1
                }
            }
        }
        twice = rows.values.reduce(0, +)
    }

    var description: String { "\(acknowledged) acknowledged, \(stored) stored, \(lost) lost, \(twice) twice" }
}
