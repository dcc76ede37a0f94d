namespace LowLatency.Native.Netlink;

/// <summary>Attribute numbers of netfilter hooks: linux/netfilter/nfnetlink_hook.h, since Linux
/// 5.14.</summary>
public static class NetfilterHookAttribute
{
    /// <summary>NFNLA_HOOK_HOOKNUM (u32, network order): 0 ingress, 1 egress.</summary>
    public const int HookNumber = 1;
    /// <summary>NFNLA_HOOK_PRIORITY (s32, network order).</summary>
    public const int Priority = 2;
    /// <summary>NFNLA_HOOK_DEV (text).</summary>
    public const int Device = 3;
    /// <summary>NFNLA_HOOK_FUNCTION_NAME (text): the kernel's function.</summary>
    public const int Function = 4;
    /// <summary>NFNLA_HOOK_MODULE_NAME (text).</summary>
    public const int Module = 5;
    /// <summary>NFNLA_HOOK_CHAIN_INFO (nest).</summary>
    public const int Chain = 6;
    /// <summary>NFNLA_HOOK_INFO_DESC (nest) in <see cref="Chain"/>.</summary>
    public const int ChainDescription = 1;
    /// <summary>NFNLA_CHAIN_TABLE (text) in <see cref="ChainDescription"/>.</summary>
    public const int ChainTable = 1;
    /// <summary>NFNLA_CHAIN_NAME (text).</summary>
    public const int ChainName = 3;
}
