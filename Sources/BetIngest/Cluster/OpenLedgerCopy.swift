import Domain
import Ledger
import LedgerOnJetStream
import Platform
import ReplicatedLedger
import Shell
import Storage

/// The ledger file that a command reads: the draw's own, or a copy of the stream of a draw that is open on a cluster.
///
/// Isolation: one thread; blocks on the disk and the engine.
struct OpenLedgerCopy: ~Copyable {
    let path: String
    /// Whether it was copied now, into the folder for temporary files.
    let isCopied: Bool
    private let disk: any Disk

    /// Copies the stream if the draw is open on a cluster.
    ///
    /// - Throws: ``NoLedger``; ``LedgerError``; ``ConfigurationError``; ``EngineUnavailable`` if the cluster does not answer;
    ///   ``OpenLedgerDamage`` if its stream lacks something.
    init(of configuration: ServiceConfiguration, on disk: any Disk) throws {
        try NoLedger.check(configuration.folder, disk)
        let copied = try Self.copyStream(configuration, disk)
        path = copied ?? configuration.folder.ledger
        isCopied = copied != nil
        self.disk = disk
    }

    /// Returns the path of the copy; nil if the draw has its own ledger.
    private static func copyStream(_ configuration: ServiceConfiguration, _ disk: any Disk) throws -> String? {
        let folder = configuration.folder
        guard let cluster = configuration.cluster else { return nil }
        var own = try LedgerReader(folder.ledger, on: disk)
        // A node's own file is empty until the draw is sealed.
        if try own.nextGroup() != nil { return nil }
        let path = SystemCall.temporaryPath("quiniela-stream")
        let (engine, _) = try JetStreamLedger.connect(cluster, name: "bet-ingest, reading", didChange: { _ in })
        let agencies = try DrawTerms(in: folder, on: disk)?.drawAgencies ?? DrawAgencies(configuration.agencies)
        do {
            var copy = try StreamCopy.read(
                to: path, header: own.header, agencies: agencies, of: engine, EngineDocuments(engine) { false },
                on: disk)
            if let damage = copy.damage { throw OpenLedgerDamage(description: "\(damage)") }
            try copy.endOpen()
            return path
        } catch {
            try? disk.remove(path)
            if let fault = error as? ChainFault { throw OpenLedgerDamage(description: fault.description) }
            throw error
        }
    }

    deinit { if isCopied { try? disk.remove(path) } }
}

/// An error: the stream of an open draw lacks messages or contradicts itself.
struct OpenLedgerDamage: ProgramError, CustomStringConvertible {
    var description: String
    var exit: ProgramExit { .data }
}
