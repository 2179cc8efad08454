import Domain
import Ledger
import ReplicatedLedger
import Storage

// The draws that another node of the cluster has opened.

extension DrawBook {
    /// Opens a draw of a cluster, unless it is open here: its ledger file begins with the same bytes on every node.
    ///
    /// - Throws: as ``open(_:ledgerID:)``.
    mutating func open(_ terms: DrawTerms) throws {
        let folder = folder(terms.draw)
        guard lifecycles[terms.draw] == nil, office.disk.stamp(folder.terms) == nil,
            let ledgerID = UInt64(terms.ledgerID, radix: 16)
        else { return }
        try office.disk.makeFolder(folder.path)
        _ = try emptyLedger(folder, ledgerID: ledgerID, time: terms.opens.milliseconds)
        try terms.write(to: folder, on: office.disk)
        _ = try recover(terms.draw, ledgerID: ledgerID, isOpening: true)
    }

    /// Takes a document that a node of the cluster has stored.
    ///
    /// - Throws: what ends the service.
    mutating func take(_ name: String, _ bytes: [UInt8], of draw: DrawID) throws {
        if name == DrawTerms.name, !exists(draw) {
            // This node took no part in a draw that is over.
            for end in [PublishedDocuments.result, VoidDraw.name] {
                if try office.cluster?.documents.read(EngineDocuments.key(end, of: draw)) != nil { return }
            }
            let path = EngineDocuments.origin(name, of: draw)
            try open(try DrawTerms(fileBytes: bytes, of: draw, path: path))
        } else {
            try change(draw) { lifecycle in try lifecycle.take(name, bytes) }
        }
    }
}

extension DrawTerms {
    /// Returns how these terms of a cluster's draw differ from those of this node's configuration; nil if they agree.
    func difference(from own: DrawTerms) -> String? {
        func fault(_ key: String, _ value: String, _ stored: String) -> String? {
            value == stored
                ? nil
                : "\(key) is \(value), and a node of the cluster has opened draw \(draw) with \(stored): give all nodes the same"
        }
        return fault("agencies", "\(own.agencies)", "\(agencies)")
            ?? fault("roster", "\(own.excluded?.description ?? "")", "\(excluded?.description ?? "")")
            ?? fault("draw.number", own.number.rawValue, number.rawValue)
    }
}
