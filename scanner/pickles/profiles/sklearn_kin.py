"""What is built like scikit-learn and pickled with it: resampling, hidden Markov models, scipy.

Enumerated by class: estimators of imbalanced-learn and hmmlearn take
`BaseEstimator.__setstate__` or none. A distribution of scipy's makes its methods from a text
in its state while it loads, so that text is checked.
"""

from typing import Final

from scanner.pickles import distributions, shapes
from scanner.pickles.allowlist import Entry

_SELECTION: Final = "imblearn.under_sampling._prototype_selection"
_GENERATION: Final = "imblearn.under_sampling._prototype_generation"

_ESTIMATORS: Final = f"""
    hmmlearn._emissions:BaseCategoricalHMM,BaseGMMHMM,BaseGaussianHMM,BaseMultinomialHMM
    hmmlearn._emissions:BasePoissonHMM hmmlearn.base:BaseHMM,VariationalBaseHMM,_AbstractHMM
    hmmlearn.hmm:CategoricalHMM,GMMHMM,GaussianHMM,MultinomialHMM,PoissonHMM
    hmmlearn.vhmm:VariationalCategoricalHMM,VariationalGaussianHMM
    imblearn.base:BaseSampler,FunctionSampler imblearn.combine._smote_enn:SMOTEENN
    imblearn.combine._smote_tomek:SMOTETomek
    imblearn.ensemble._bagging:BalancedBaggingClassifier
    imblearn.ensemble._easy_ensemble:EasyEnsembleClassifier
    imblearn.ensemble._forest:BalancedRandomForestClassifier
    imblearn.ensemble._weight_boosting:RUSBoostClassifier
    imblearn.metrics.pairwise:ValueDifferenceMetric imblearn.over_sampling._adasyn:ADASYN
    imblearn.over_sampling._random_over_sampler:RandomOverSampler
    imblearn.over_sampling._smote.base:BaseSMOTE,SMOTE,SMOTEN,SMOTENC
    imblearn.over_sampling._smote.cluster:KMeansSMOTE
    imblearn.over_sampling._smote.filter:BorderlineSMOTE,SVMSMOTE
    imblearn.over_sampling.base:BaseOverSampler imblearn.pipeline:Pipeline
    {_GENERATION}._cluster_centroids:ClusterCentroids
    {_SELECTION}._condensed_nearest_neighbour:CondensedNearestNeighbour
    {_SELECTION}._edited_nearest_neighbours:AllKNN
    {_SELECTION}._edited_nearest_neighbours:EditedNearestNeighbours
    {_SELECTION}._edited_nearest_neighbours:RepeatedEditedNearestNeighbours
    {_SELECTION}._instance_hardness_threshold:InstanceHardnessThreshold
    {_SELECTION}._nearmiss:NearMiss
    {_SELECTION}._neighbourhood_cleaning_rule:NeighbourhoodCleaningRule
    {_SELECTION}._one_sided_selection:OneSidedSelection
    {_SELECTION}._random_under_sampler:RandomUnderSampler
    {_SELECTION}._tomek_links:TomekLinks
    imblearn.under_sampling.base:BaseCleaningSampler,BaseUnderSampler
    """

_CONTINUOUS: Final = """
    alpha anglit arcsine argus beta betaprime bradford burr burr12 cauchy chi chi2 cosine
    crystalball dgamma dpareto_lognorm dweibull erlang expon exponnorm exponpow exponweib f
    fatiguelife fisk foldcauchy foldnorm gamma gausshyper genexpon genextreme gengamma
    genhalflogistic genhyperbolic geninvgauss genlogistic gennorm genpareto gibrat gompertz
    gumbel_l gumbel_r halfcauchy halfgennorm halflogistic halfnorm hypsecant invgamma invgauss
    invweibull irwinhall jf_skew_t johnsonsb johnsonsu kappa3 kappa4 ksone kstwo kstwobign
    landau laplace laplace_asymmetric levy levy_l loggamma logistic loglaplace lognorm lomax
    maxwell mielke moyal nakagami ncf nct ncx2 norm norminvgauss pareto pearson3 powerlaw
    powerlognorm powernorm rayleigh rdist recipinvgauss reciprocal rel_breitwigner rice
    semicircular skewcauchy skewnorm studentized_range t trapezoid triang truncexpon truncnorm
    truncpareto truncweibull_min tukeylambda uniform vonmises wald weibull_max weibull_min
    wrapcauchy
    """

_DISCRETE: Final = """
    _nchypergeom bernoulli betabinom betanbinom binom boltzmann dlaplace geom hypergeom logser
    nbinom nchypergeom_fisher nchypergeom_wallenius nhypergeom planck poisson poisson_binom
    randint skellam yulesimon zipf zipfian
    """

ENTRIES: Final = (
    (
        _ESTIMATORS,
        Entry(
            "an estimator: made empty, its attributes are set from a dict",
            new=shapes.nothing,
            state=shapes.attributes,
            kind="estimator",
        ),
    ),
    (
        "hmmlearn.base:ConvergenceMonitor imblearn.utils._validation:ArraysTransformer",
        Entry("holds settings and numbers", new=shapes.nothing, state=shapes.attributes),
    ),
    (
        "scipy.stats._distn_infrastructure:rv_frozen,rv_continuous_frozen,rv_discrete_frozen",
        Entry("holds a distribution and numbers", new=shapes.nothing, state=shapes.attributes),
    ),
    (
        " ".join(
            f"scipy.stats.{module}:{name}_gen"
            for module, names in (
                ("_continuous_distns", _CONTINUOUS),
                ("_discrete_distns", _DISCRETE),
            )
            for name in names.split()
        ),
        Entry(
            "a distribution: its state is known attributes, and the text that makes its "
            "methods is scipy's own",
            new=shapes.nothing,
            state=distributions.state,
        ),
    ),
)
"""Objects whose classes were reviewed one by one; there are no prefixes."""
