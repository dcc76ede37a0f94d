namespace LowLatency.Native.Netlink;

/// <summary>Attribute numbers of the "ethtool" generic netlink family: linux/ethtool_netlink.h, since 6.15
/// ethtool_netlink_generated.h. A number is one of its own level; what is no bitset, nest, text or flag says
/// its size.</summary>
public static class EthtoolAttribute
{
    /// <summary>The family's name (ETHTOOL_GENL_NAME).</summary>
    public const string FamilyName = "ethtool";
    /// <summary>ETHTOOL_A_*_HEADER of every answer (nest).</summary>
    public const int Header = 1;
    /// <summary>ETHTOOL_A_HEADER_DEV_INDEX (u32).</summary>
    public const int HeaderIndex = 1;
    /// <summary>ETHTOOL_A_HEADER_DEV_NAME (text).</summary>
    public const int HeaderName = 2;
    /// <summary>ETHTOOL_A_HEADER_FLAGS (u32, ETHTOOL_FLAG_*).</summary>
    public const int HeaderFlags = 3;

    /// <summary>ETHTOOL_A_BITSET_NOMASK (flag): the bits listed are those set.</summary>
    public const int BitsetNoMask = 1;
    /// <summary>ETHTOOL_A_BITSET_SIZE (u32), bits.</summary>
    public const int BitsetSize = 2;
    /// <summary>ETHTOOL_A_BITSET_BITS (nest): named bits.</summary>
    public const int BitsetBits = 3;
    /// <summary>ETHTOOL_A_BITSET_BITS_BIT (nest), repeated inside <see cref="BitsetBits"/>.</summary>
    public const int BitsetBit = 1;
    /// <summary>ETHTOOL_A_BITSET_BIT_INDEX (u32).</summary>
    public const int BitsetBitIndex = 1;
    /// <summary>ETHTOOL_A_BITSET_BIT_NAME (text).</summary>
    public const int BitsetBitName = 2;
    /// <summary>ETHTOOL_A_BITSET_BIT_VALUE (flag): set; without it and without NOMASK, clear.</summary>
    public const int BitsetBitValue = 3;

    /// <summary>ETHTOOL_A_LINKMODES_AUTONEG (u8): 1 on.</summary>
    public const int LinkModesAutoNegotiation = 2;
    /// <summary>ETHTOOL_A_LINKMODES_OURS (bitset): bits are supported modes, set ones are
    /// advertised.</summary>
    public const int LinkModesOurs = 3;
    /// <summary>ETHTOOL_A_LINKMODES_PEER (bitset): what the other side advertises.</summary>
    public const int LinkModesPeer = 4;
    /// <summary>ETHTOOL_A_LINKMODES_SPEED (u32), Mbit/s; 0xFFFFFFFF: unknown.</summary>
    public const int LinkModesSpeed = 5;
    /// <summary>ETHTOOL_A_LINKMODES_DUPLEX (u8): 0 half, 1 full, 0xFF unknown.</summary>
    public const int LinkModesDuplex = 6;
    /// <summary>ETHTOOL_A_LINKMODES_LANES (u32).</summary>
    public const int LinkModesLanes = 9;
    /// <summary>ETHTOOL_A_LINKMODES_RATE_MATCHING (u8): 0 none, 1 by pause frames.</summary>
    public const int LinkModesRateMatching = 10;

    /// <summary>ETHTOOL_A_LINKSTATE_LINK (u8): 1 up.</summary>
    public const int LinkStateLink = 2;
    /// <summary>ETHTOOL_A_LINKSTATE_SQI (u32).</summary>
    public const int LinkStateSignalQuality = 3;
    /// <summary>ETHTOOL_A_LINKSTATE_SQI_MAX (u32).</summary>
    public const int LinkStateSignalQualityMax = 4;
    /// <summary>ETHTOOL_A_LINKSTATE_EXT_STATE (u8, enum ethtool_link_ext_state): why it is down.</summary>
    public const int LinkStateReason = 5;
    /// <summary>ETHTOOL_A_LINKSTATE_EXT_SUBSTATE (u8): more of why.</summary>
    public const int LinkStateDetail = 6;
    /// <summary>ETHTOOL_A_LINKSTATE_EXT_DOWN_CNT (u32): times the link went down; since 6.4.</summary>
    public const int LinkStateDownCount = 7;

    /// <summary>ETHTOOL_A_FEC_MODES (bitset): configured encodings, by link-mode names.</summary>
    public const int FecModes = 2;
    /// <summary>ETHTOOL_A_FEC_AUTO (u8): 1 the device chooses.</summary>
    public const int FecAuto = 3;
    /// <summary>ETHTOOL_A_FEC_ACTIVE (u32): bit of the link-mode table that is in use; absent:
    /// none.</summary>
    public const int FecActive = 4;
    /// <summary>ETHTOOL_A_FEC_STATS (nest).</summary>
    public const int FecStats = 5;
    /// <summary>ETHTOOL_A_FEC_STAT_CORRECTED (array of u64: total, then lanes), blocks.</summary>
    public const int FecStatCorrected = 2;
    /// <summary>ETHTOOL_A_FEC_STAT_UNCORR (array of u64), blocks lost.</summary>
    public const int FecStatUncorrectable = 3;
    /// <summary>ETHTOOL_A_FEC_STAT_CORR_BITS (array of u64), bits.</summary>
    public const int FecStatCorrectedBits = 4;

    /// <summary>ETHTOOL_A_CHANNELS_RX_MAX (u32).</summary>
    public const int ChannelsRxMax = 2;
    /// <summary>ETHTOOL_A_CHANNELS_TX_MAX (u32).</summary>
    public const int ChannelsTxMax = 3;
    /// <summary>ETHTOOL_A_CHANNELS_OTHER_MAX (u32).</summary>
    public const int ChannelsOtherMax = 4;
    /// <summary>ETHTOOL_A_CHANNELS_COMBINED_MAX (u32).</summary>
    public const int ChannelsCombinedMax = 5;
    /// <summary>ETHTOOL_A_CHANNELS_RX_COUNT (u32).</summary>
    public const int ChannelsRx = 6;
    /// <summary>ETHTOOL_A_CHANNELS_TX_COUNT (u32).</summary>
    public const int ChannelsTx = 7;
    /// <summary>ETHTOOL_A_CHANNELS_OTHER_COUNT (u32).</summary>
    public const int ChannelsOther = 8;
    /// <summary>ETHTOOL_A_CHANNELS_COMBINED_COUNT (u32).</summary>
    public const int ChannelsCombined = 9;

    /// <summary>ETHTOOL_A_RINGS_RX_MAX (u32), descriptors.</summary>
    public const int RingsRxMax = 2;
    /// <summary>ETHTOOL_A_RINGS_TX_MAX (u32), descriptors.</summary>
    public const int RingsTxMax = 5;
    /// <summary>ETHTOOL_A_RINGS_RX (u32), descriptors.</summary>
    public const int RingsRx = 6;
    /// <summary>ETHTOOL_A_RINGS_TX (u32), descriptors.</summary>
    public const int RingsTx = 9;
    /// <summary>ETHTOOL_A_RINGS_RX_BUF_LEN (u32), bytes.</summary>
    public const int RingsRxBufferBytes = 10;
    /// <summary>ETHTOOL_A_RINGS_TCP_DATA_SPLIT (u8): 0 unknown, 1 off, 2 on.</summary>
    public const int RingsHeaderSplit = 11;
    /// <summary>ETHTOOL_A_RINGS_CQE_SIZE (u32), bytes of a completion.</summary>
    public const int RingsCqeBytes = 12;
    /// <summary>ETHTOOL_A_RINGS_TX_PUSH (u8): descriptors are written to the device, not fetched.</summary>
    public const int RingsTxPush = 13;
    /// <summary>ETHTOOL_A_RINGS_RX_PUSH (u8); since 6.3.</summary>
    public const int RingsRxPush = 14;

    /// <summary>ETHTOOL_A_COALESCE_RX_USECS (u32), us an interrupt waits.</summary>
    public const int CoalesceRxUs = 2;
    /// <summary>ETHTOOL_A_COALESCE_RX_MAX_FRAMES (u32).</summary>
    public const int CoalesceRxFrames = 3;
    /// <summary>ETHTOOL_A_COALESCE_RX_USECS_IRQ (u32), us.</summary>
    public const int CoalesceRxUsInterrupt = 4;
    /// <summary>ETHTOOL_A_COALESCE_RX_MAX_FRAMES_IRQ (u32).</summary>
    public const int CoalesceRxFramesInterrupt = 5;
    /// <summary>ETHTOOL_A_COALESCE_TX_USECS (u32), us.</summary>
    public const int CoalesceTxUs = 6;
    /// <summary>ETHTOOL_A_COALESCE_TX_MAX_FRAMES (u32).</summary>
    public const int CoalesceTxFrames = 7;
    /// <summary>ETHTOOL_A_COALESCE_TX_USECS_IRQ (u32), us.</summary>
    public const int CoalesceTxUsInterrupt = 8;
    /// <summary>ETHTOOL_A_COALESCE_TX_MAX_FRAMES_IRQ (u32).</summary>
    public const int CoalesceTxFramesInterrupt = 9;
    /// <summary>ETHTOOL_A_COALESCE_STATS_BLOCK_USECS (u32), us between counter updates in memory.</summary>
    public const int CoalesceStatsUs = 10;
    /// <summary>ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX (u8): 1 the driver changes the rx values itself.</summary>
    public const int CoalesceAdaptiveRx = 11;
    /// <summary>ETHTOOL_A_COALESCE_USE_ADAPTIVE_TX (u8).</summary>
    public const int CoalesceAdaptiveTx = 12;
    /// <summary>ETHTOOL_A_COALESCE_USE_CQE_MODE_TX (u8): the timer begins anew with each
    /// completion.</summary>
    public const int CoalesceCqeModeTx = 24;
    /// <summary>ETHTOOL_A_COALESCE_USE_CQE_MODE_RX (u8).</summary>
    public const int CoalesceCqeModeRx = 25;
    /// <summary>ETHTOOL_A_COALESCE_TX_AGGR_MAX_BYTES (u32), bytes; since 6.3.</summary>
    public const int CoalesceTxAggregateBytes = 26;
    /// <summary>ETHTOOL_A_COALESCE_TX_AGGR_MAX_FRAMES (u32); since 6.3.</summary>
    public const int CoalesceTxAggregateFrames = 27;
    /// <summary>ETHTOOL_A_COALESCE_TX_AGGR_TIME_USECS (u32), us; since 6.3.</summary>
    public const int CoalesceTxAggregateUs = 28;

    /// <summary>ETHTOOL_A_FEATURES_HW (bitset): can be changed.</summary>
    public const int FeaturesHardware = 2;
    /// <summary>ETHTOOL_A_FEATURES_WANTED (bitset): asked for.</summary>
    public const int FeaturesWanted = 3;
    /// <summary>ETHTOOL_A_FEATURES_ACTIVE (bitset): in force.</summary>
    public const int FeaturesActive = 4;
    /// <summary>ETHTOOL_A_FEATURES_NOCHANGE (bitset): cannot be changed by anyone.</summary>
    public const int FeaturesNoChange = 5;

    /// <summary>ETHTOOL_A_PRIVFLAGS_FLAGS (bitset): the driver's own flags, by its names.</summary>
    public const int PrivateFlagsFlags = 2;

    /// <summary>ETHTOOL_A_PAUSE_AUTONEG (u8): 1 negotiated.</summary>
    public const int PauseAutoNegotiation = 2;
    /// <summary>ETHTOOL_A_PAUSE_RX (u8): 1 it stops when asked.</summary>
    public const int PauseRx = 3;
    /// <summary>ETHTOOL_A_PAUSE_TX (u8): 1 it asks others to stop.</summary>
    public const int PauseTx = 4;
    /// <summary>ETHTOOL_A_PAUSE_STATS (nest).</summary>
    public const int PauseStats = 5;
    /// <summary>ETHTOOL_A_PAUSE_STAT_TX_FRAMES (u64), frames since boot.</summary>
    public const int PauseStatTxFrames = 2;
    /// <summary>ETHTOOL_A_PAUSE_STAT_RX_FRAMES (u64), frames since boot.</summary>
    public const int PauseStatRxFrames = 3;

    /// <summary>ETHTOOL_A_EEE_MODES_OURS (bitset).</summary>
    public const int EeeModesOurs = 2;
    /// <summary>ETHTOOL_A_EEE_MODES_PEER (bitset).</summary>
    public const int EeeModesPeer = 3;
    /// <summary>ETHTOOL_A_EEE_ACTIVE (u8): 1 negotiated and in use.</summary>
    public const int EeeActive = 4;
    /// <summary>ETHTOOL_A_EEE_ENABLED (u8): 1 allowed.</summary>
    public const int EeeEnabled = 5;
    /// <summary>ETHTOOL_A_EEE_TX_LPI_ENABLED (u8): 1 the transmitter sleeps.</summary>
    public const int EeeTxLowPower = 6;
    /// <summary>ETHTOOL_A_EEE_TX_LPI_TIMER (u32), us idle before it sleeps.</summary>
    public const int EeeTxLowPowerUs = 7;

    /// <summary>ETHTOOL_A_RSS_CONTEXT (u32); absent: the main one.</summary>
    public const int RssContext = 2;
    /// <summary>ETHTOOL_A_RSS_HFUNC (u32, ETH_RSS_HASH_* bits): 1 Toeplitz, 2 XOR, 4 CRC32.</summary>
    public const int RssHashFunction = 3;
    /// <summary>ETHTOOL_A_RSS_INDIR (bytes): a u32 queue for each slot.</summary>
    public const int RssTable = 4;
    /// <summary>ETHTOOL_A_RSS_HKEY (bytes).</summary>
    public const int RssKey = 5;
    /// <summary>ETHTOOL_A_RSS_INPUT_XFRM (u32, RXH_XFRM_*): 1 symmetric XOR; since 6.8.</summary>
    public const int RssTransform = 6;
}
