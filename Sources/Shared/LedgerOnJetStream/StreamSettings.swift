#if JetStream
import ReplicatedLedger

/// The settings of a stream.
struct StreamSettings {
    private let stream: EngineStream
    private let replicas: Int

    init(_ stream: EngineStream, replicas: Int) {
        self.stream = stream
        self.replicas = replicas
    }

    /// The settings that decide what an acknowledgement means.
    struct Found: Decodable {
        var subjects: [String]?
        var retention: String?
        var storage: String?
        var discard: String?
        var num_replicas: Int?
        var max_msgs: Int?
        var max_bytes: Int?
        var max_age: Int?
        var max_msg_size: Int?
        var max_msgs_per_subject: Int?
        var deny_delete: Bool?
        var sealed: Bool?
        var no_ack: Bool?
        var persist_mode: String?
    }

    private var maxPerSubject: Int { stream == .documents ? 1 : -1 }

    /// The request that makes the stream.
    var json: [UInt8] {
        Array(
            #"""
            {"name":"\#(stream.name)","subjects":["\#(stream.subjects)"],"retention":"limits","storage":"file",\#
            "discard":"new","num_replicas":\#(replicas),"max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0,\#
            "max_msg_size":-1,"max_msgs_per_subject":\#(maxPerSubject),"deny_delete":true,"allow_direct":true,\#
            "allow_rollup_hdrs":\#(stream == .documents),"duplicate_window":1000000000}
            """#.utf8)
    }

    /// Returns the first setting that weakens the promise, or nil.
    func difference(from found: Found) -> String? {
        func fault<Value: Equatable>(_ name: String, _ value: Value?, _ expected: Value) -> String? {
            value == expected ? nil : "\(name) \(value.map { "\($0)" } ?? "unset") instead of \(expected)"
        }
        let faults: [String?] = [
            fault("subjects", found.subjects, [stream.subjects]),
            fault("retention", found.retention, "limits"),
            fault("storage", found.storage, "file"),
            fault("discard", found.discard, "new"),
            fault("num_replicas", found.num_replicas, replicas),
            fault("max_msgs", found.max_msgs, -1),
            fault("max_bytes", found.max_bytes, -1),
            fault("max_age", found.max_age ?? 0, 0),
            fault("max_msg_size", found.max_msg_size ?? -1, -1),
            fault("max_msgs_per_subject", found.max_msgs_per_subject, maxPerSubject),
            fault("deny_delete", found.deny_delete ?? false, true),
            fault("sealed", found.sealed ?? false, false),
            fault("no_ack", found.no_ack ?? false, false),
            fault("persist_mode", found.persist_mode ?? "default", "default"),
        ]
        return faults.lazy.compactMap { $0 }.first
    }
}
#endif
