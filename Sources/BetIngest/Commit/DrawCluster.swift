import Domain
import Ledger
import ReplicatedLedger
import Shell
import Storage

/// The cluster of a node, as its draws use it.
///
/// Isolation: any thread except those of the engine.
struct DrawCluster: Sendable {
    let engine: any LedgerEngine
    let documents: EngineDocuments
    /// Random, of this process.
    let node: UInt64
    /// The maximum size of the records of one message.
    let maxRecordBytes: Int

    /// Stores a document of a draw, unless another node was first.
    ///
    /// Blocks while the cluster has no leader.
    ///
    /// - Returns: the document that is stored.
    /// - Throws: ``EngineDocuments/Stopped``; ``DrawDocumentError``.
    func create<Document: DrawDocument>(_ document: Document) throws -> Document {
        let key = EngineDocuments.key(Document.name, of: document.draw)
        let bytes = try documents.create(key, document.fileBytes)
        return try Document(
            fileBytes: bytes, of: document.draw, path: EngineDocuments.origin(Document.name, of: document.draw))
    }

    /// Stores a draw's result and its winners; or compares them with those that another node has stored.
    ///
    /// The winners first, in parts: a stored result never lacks them.
    ///
    /// - Throws: ``ResultsDiffer``; ``EngineDocuments/Stopped``; ``DiskError``.
    func publish(_ result: DrawResult, winners path: String, on disk: any Disk) throws {
        let file = try disk.open(path, .readOnly)
        let byteCount = try file.size()
        for (index, start) in stride(from: 0, to: byteCount, by: PublishedDocuments.partBytes).enumerated() {
            let part = try file.read(at: start, byteCount: min(PublishedDocuments.partBytes, byteCount - start))
            _ = try documents.create(EngineDocuments.key(PublishedDocuments.part(index), of: result.draw), part)
        }
        let key = EngineDocuments.key(PublishedDocuments.result, of: result.draw)
        let stored = try documents.create(key, result.fileBytes)
        guard stored == result.fileBytes else { throw ResultsDiffer(draw: result.draw) }
    }
}

/// Another node has drawn the same draw with another outcome.
struct ResultsDiffer: ProgramError, CustomStringConvertible {
    var draw: DrawID
    var exit: ProgramExit { .data }

    var description: String {
        "draw \(draw): another node has stored a different result; keep the data folders of both nodes for the auditor, and "
            + "run `bet-ingest verify` on each"
    }
}
