/**
 * What the simulated market trades: three classes of instruments with symbols, opening prices and venues as a dealer knows
 * them. The figures are of no day; only their proportions matter.
 */

export interface AssetClass {
  /** How far one step goes, as a part of the price. */
  readonly stepPart: number
  readonly spreadTicksMax: number
  readonly lot: number
  readonly venues: readonly string[]
  /** Symbol, opening price as printed (its decimals are the tick), how often it moves beside the others. */
  readonly symbols: readonly (readonly [symbol: string, open: string, weight: number])[]
}

const FX: AssetClass = {
  stepPart: 0.00003,
  spreadTicksMax: 3,
  lot: 100_000,
  venues: ['EBS', 'LMAX', 'CBOEFX', 'FXALL'],
  symbols: [
    ['EURUSD', '1.08742', 10],
    ['USDJPY', '154.318', 8],
    ['GBPUSD', '1.26915', 7],
    ['USDCHF', '0.90127', 4],
    ['AUDUSD', '0.65583', 4],
    ['USDCAD', '1.36904', 4],
    ['NZDUSD', '0.60211', 2],
    ['EURGBP', '0.85681', 4],
    ['EURJPY', '167.812', 4],
    ['GBPJPY', '195.853', 3],
    ['EURCHF', '0.98007', 2],
    ['AUDJPY', '101.205', 2],
    ['USDSEK', '10.7214', 1],
    ['USDNOK', '10.8866', 1],
    ['USDSGD', '1.35127', 1],
    ['USDMXN', '17.0438', 2],
    ['USDZAR', '18.6120', 1],
    ['USDPLN', '3.98120', 1],
  ],
}

const CRYPTO: AssetClass = {
  stepPart: 0.0002,
  spreadTicksMax: 12,
  lot: 1,
  venues: ['COINBASE', 'KRAKEN', 'BITSTAMP', 'GEMINI'],
  symbols: [
    ['BTCUSD', '64218.50', 12],
    ['ETHUSD', '3124.85', 10],
    ['SOLUSD', '146.372', 7],
    ['XRPUSD', '0.52184', 5],
    ['ADAUSD', '0.44870', 3],
    ['DOGEUSD', '0.15231', 5],
    ['AVAXUSD', '34.1250', 3],
    ['LINKUSD', '14.3862', 3],
    ['DOTUSD', '6.8921', 2],
    ['LTCUSD', '81.640', 3],
    ['BCHUSD', '446.35', 2],
    ['UNIUSD', '7.3915', 2],
    ['ATOMUSD', '8.6054', 1],
    ['ETCUSD', '26.7180', 1],
    ['XLMUSD', '0.10772', 1],
    ['AAVEUSD', '86.915', 1],
  ],
}

const EQUITY: AssetClass = {
  stepPart: 0.0001,
  spreadTicksMax: 4,
  lot: 100,
  venues: ['XNAS', 'XNYS', 'ARCX', 'BATS', 'IEXG'],
  symbols: [
    ['AAPL', '189.84', 8],
    ['MSFT', '420.55', 7],
    ['NVDA', '903.72', 10],
    ['AMZN', '183.32', 6],
    ['GOOGL', '171.95', 5],
    ['META', '475.20', 5],
    ['TSLA', '174.48', 9],
    ['JPM', '198.77', 3],
    ['V', '275.90', 2],
    ['XOM', '116.44', 3],
    ['UNH', '514.38', 1],
    ['JNJ', '151.20', 2],
    ['WMT', '64.65', 2],
    ['PG', '166.61', 1],
    ['MA', '459.83', 1],
    ['HD', '340.25', 1],
    ['KO', '62.78', 2],
    ['PEP', '180.04', 1],
    ['BAC', '38.66', 3],
    ['ORCL', '122.18', 2],
    ['NFLX', '616.74', 3],
    ['AMD', '162.37', 7],
    ['INTC', '31.83', 4],
    ['CSCO', '48.10', 2],
    ['DIS', '103.52', 2],
    ['BA', '182.96', 2],
    ['GS', '457.71', 1],
    ['NKE', '92.15', 1],
    ['IBM', '168.26', 1],
    ['T', '17.32', 2],
  ],
}

const CLASSES = [FX, CRYPTO, EQUITY] as const

export interface Listing {
  readonly asset: AssetClass
  readonly symbol: string
  readonly open: string
  readonly weight: number
  /** How often the symbols have been used up before. */
  readonly round: number
}

/** The instrument at an index: the classes take turns, and begin again, with a number, when their symbols are used up. */
export function listing(index: number): Listing {
  const asset = CLASSES[index % CLASSES.length]!
  const place = Math.floor(index / CLASSES.length)
  const [symbol, open, weight] = asset.symbols[place % asset.symbols.length]!
  return { asset, symbol, open, weight, round: Math.floor(place / asset.symbols.length) }
}
