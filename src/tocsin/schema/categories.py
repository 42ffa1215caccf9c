"""Which Sigma categories an event is of, by its service and event id; no other channel counts."""

_REGISTRY = "registry_event"

# Sysmon: the Sigma taxonomy appendix. An id may mean several categories; the rule's own fields tell them apart.
CATEGORIES: dict[tuple[str, str], tuple[str, ...]] = {
    ("sysmon", "1"): ("process_creation",),
    ("sysmon", "2"): ("file_change",),
    ("sysmon", "3"): ("network_connection",),
    ("sysmon", "4"): ("sysmon_status",),
    ("sysmon", "5"): ("process_termination",),
    ("sysmon", "6"): ("driver_load",),
    ("sysmon", "7"): ("image_load",),
    ("sysmon", "8"): ("create_remote_thread",),
    ("sysmon", "9"): ("raw_access_thread",),
    ("sysmon", "10"): ("process_access",),
    ("sysmon", "11"): ("file_event",),
    ("sysmon", "12"): (_REGISTRY, "registry_add", "registry_delete"),
    ("sysmon", "13"): (_REGISTRY, "registry_set"),
    ("sysmon", "14"): (_REGISTRY, "registry_rename"),
    ("sysmon", "15"): ("create_stream_hash",),
    ("sysmon", "16"): ("sysmon_status",),
    ("sysmon", "17"): ("pipe_created",),
    ("sysmon", "18"): ("pipe_created",),
    ("sysmon", "19"): ("wmi_event",),
    ("sysmon", "20"): ("wmi_event",),
    ("sysmon", "21"): ("wmi_event",),
    ("sysmon", "22"): ("dns_query",),
    ("sysmon", "23"): ("file_delete",),
    ("sysmon", "24"): ("clipboard_capture",),
    ("sysmon", "25"): ("process_tampering",),
    ("sysmon", "26"): ("file_delete_detected",),
    ("sysmon", "27"): ("file_block_executable",),
    ("sysmon", "28"): ("file_block_shredding",),
    ("sysmon", "29"): ("file_executable_detected",),
    ("sysmon", "255"): ("sysmon_error",),
    ("security", "4688"): ("process_creation",),
    ("security", "4657"): (_REGISTRY,),
    ("powershell", "4103"): ("ps_module",),
    ("powershell", "4104"): ("ps_script",),
    ("powershell-classic", "400"): ("ps_classic_start",),
    ("powershell-classic", "600"): ("ps_classic_provider_start",),
    ("powershell-classic", "800"): ("ps_classic_script",),
}

# 4657 says in a field what was done: value created, modified, deleted. Some shippers render the code as text.
# A value that is created is also set: Sysmon writes event 13 for both.
CATEGORIES_BY_FIELD: dict[tuple[str, str], tuple[str, dict[str, tuple[str, ...]]]] = {
    ("security", "4657"): (
        "OperationType",
        {
            "%%1904": (_REGISTRY, "registry_add", "registry_set"),
            "New registry value created": (_REGISTRY, "registry_add", "registry_set"),
            "%%1905": (_REGISTRY, "registry_set"),
            "Existing registry value modified": (_REGISTRY, "registry_set"),
            "%%1906": (_REGISTRY, "registry_delete"),
            "Registry value deleted": (_REGISTRY, "registry_delete"),
        },
    ),
}
