import Domain
import Ledger
import Storage

/// A watch on all draws of a data folder.
///
/// Draws that are not final are watched. Earlier ones are loaded when an agency asks for them, and the least recently
/// used ones are released, so that memory and open files have a limit.
///
/// Isolation: one thread, which blocks on the disk.
struct PublishedDraws {
    enum Change {
        /// ``PublishedDraws/known`` has changed.
        case known
        case result(DrawID, DrawResult, WinnersFile)
        /// A served result has disappeared, belongs to another ledger, or is released.
        case withdrawn(DrawID)
        case rejected(path: String, reason: String)
        case waitingForFolder(path: String)
    }

    private(set) var known: KnownDraws
    private let data: DataFolder
    private let disk: any Disk
    private let maxLoaded: Int
    private var watches: [DrawID: PublishedResult] = [:]
    /// The loaded draws, the most recently used one last.
    private var loaded: [DrawID] = []
    private var foldersStamp: FileStamp?
    private var looks = 0

    /// Looks between two checks of a draw that is not live.
    private static let looksBetweenFinals = 50

    /// - Parameters:
    ///   - configured: the draw of the configuration; nil with a calendar.
    ///   - maxLoaded: the most results that are loaded at a time.
    init(_ data: DataFolder, configured: DrawID?, agencies: UInt32, maxLoaded: Int, on disk: any Disk) {
        self.data = data
        self.disk = disk
        self.maxLoaded = maxLoaded
        known = KnownDraws(configured: configured, configuredAgencies: agencies)
        if let configured { watch(configured) }
    }

    private func folder(_ draw: DrawID) -> DrawFolder { DrawFolder(data: data.path, draw: draw) }

    private mutating func watch(_ draw: DrawID) {
        if watches[draw] == nil { watches[draw] = PublishedResult(folder: folder(draw), disk: disk) }
    }

    /// Returns the changes since the last call.
    ///
    /// A few calls of stat(2) for each watched draw if nothing has changed.
    mutating func changes() -> [Change] {
        var changes: [Change] = []
        looks += 1
        lookAtFolders(&changes)
        for draw in watches.keys where isLive(draw) || looks % Self.looksBetweenFinals == 0 {
            look(at: draw, &changes)
        }
        return changes
    }

    /// Loads a published draw, unless it is loaded.
    mutating func load(_ draw: DrawID) -> [Change] {
        guard known.published.contains(draw) else { return [] }
        var changes: [Change] = []
        if let index = loaded.firstIndex(of: draw) {
            loaded.append(loaded.remove(at: index))
            return []
        }
        watch(draw)
        look(at: draw, &changes)
        return changes
    }

    private func isLive(_ draw: DrawID) -> Bool { draw == known.configured || !known.published.contains(draw) }

    /// Finds draws that have appeared; their names are read only if the folder has changed.
    private mutating func lookAtFolders(_ changes: inout [Change]) {
        let stamp = disk.stamp(data.draws)
        guard stamp != foldersStamp, let names = try? disk.names(in: data.draws) else { return }
        let isStart = foldersStamp == nil
        foldersStamp = stamp
        var newest: (draw: DrawID, changed: Int64)?
        for name in names {
            guard let draw = DrawID(name), draw != known.configured, watches[draw] == nil, known.void[draw] == nil,
                !known.published.contains(draw)
            else { continue }
            let result = disk.stamp(folder(draw).result)
            if let result, isStart {
                known.published.insert(draw)
                if result.changed > newest?.changed ?? .min { newest = (draw, result.changed) }
            } else {
                watch(draw)
            }
        }
        // The course's draw never answers for an earlier one that the folder still holds.
        if isStart, known.configured == nil, let newest {
            known.lastPublished = newest.draw
            changes += load(newest.draw)
        }
        changes.append(.known)
    }

    private mutating func look(at draw: DrawID, _ changes: inout [Change]) {
        guard let all = watches[draw]?.changes() else { return }
        for change in all {
            switch change {
            case .progress(let progress):
                known.live[draw] = progress.map {
                    KnownDraws.Live(
                        finished: Set($0.finishedAgencies), expectedAgencies: $0.expectedAgencies, cutOff: $0.cutOff)
                }
                if progress?.state == .void { setVoid(draw) }
                changes.append(.known)
            case .result(let result, let winners):
                if isLive(draw) || known.lastPublished == nil { known.lastPublished = draw }
                known.published.insert(draw)
                known.live[draw] = nil
                changes.append(.known)
                changes.append(.result(draw, result, winners))
                loaded.removeAll { $0 == draw }
                loaded.append(draw)
                releaseUnused(&changes)
            case .withdrawn:
                known.published.remove(draw)
                loaded.removeAll { $0 == draw }
                if known.lastPublished == draw { known.lastPublished = nil }
                changes.append(.withdrawn(draw))
                changes.append(.known)
            case .rejected(let path, let reason):
                changes.append(.rejected(path: path, reason: reason))
            case .waitingForFolder(let path):
                if draw == known.configured {
                    changes.append(.waitingForFolder(path: path))
                } else {
                    forget(draw, &changes)
                }
            }
        }
    }

    private mutating func setVoid(_ draw: DrawID) {
        let void = try? VoidDraw(in: folder(draw), on: disk)
        known.void[draw] = void?.reason ?? "see void.json"
        known.live[draw] = nil
        if draw != known.configured { watches[draw] = nil }
    }

    private mutating func forget(_ draw: DrawID, _ changes: inout [Change]) {
        watches[draw] = nil
        known.live[draw] = nil
        changes.append(.known)
    }

    /// Releases the least recently used draws.
    private mutating func releaseUnused(_ changes: inout [Change]) {
        while loaded.count > maxLoaded {
            guard let draw = loaded.first(where: { $0 != known.lastPublished && $0 != known.configured }) else {
                return
            }
            loaded.removeAll { $0 == draw }
            watches[draw] = nil
            changes.append(.withdrawn(draw))
        }
    }
}
